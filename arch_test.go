// Package osssh has no code: this test holds the walls between its rooms.
package osssh

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "osssh/"

// floors says on which floor a room stands. Imports run downwards only, and the
// rooms of one floor do not know each other.
var floors = map[string]int{
	"cmd/osssh":          5,
	"diagnose":           4,
	"reach":              3,
	"resolve":            2,
	"secgroup":           2,
	"keystore":           2,
	"connect":            2,
	"sshconfig":          2,
	"internal/openstack": 1,
	"internal/console":   1,
	"internal/terminal":  1,
	"internal/demo":      1,
}

// testsOnly are packages that only tests may import.
var testsOnly = []string{"e2e", "e2e/script"}

// reserved are modules that only some rooms may import, and why.
var reserved = []struct {
	module, reason string
	rooms          []string
}{
	{"github.com/urfave/cli/", "only the edge knows the command line", []string{"cmd/osssh"}},
	{"github.com/gophercloud/gophercloud/", "the API's records come from internal/openstack", []string{"internal/openstack", "resolve", "secgroup"}},
	{"github.com/kevinburke/ssh_config", "it only edits files; evaluating them is sshconfig's own", []string{"sshconfig"}},
	{"github.com/rogpeppe/go-internal", "test scripts are for tests", nil},
	{"github.com/creack/pty", "it is for tests", nil},
	{"testing", "no test code in the program", nil},
}

type pkg struct {
	ImportPath, Dir                    string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// TestWalls reads the imports of every package and names each broken rule.
func TestWalls(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if room == strings.TrimSuffix(module, "/") || strings.HasPrefix(room, "e2e") {
			continue
		}
		if floors[room] == 0 {
			t.Errorf("%s stands on no floor: give it its place in DESIGN's house", room)
			continue
		}
		for _, imported := range p.Imports {
			checkFloor(t, room, imported)
			checkReserved(t, room, imported)
			for _, only := range testsOnly {
				if imported == module+only {
					t.Errorf("%s imports %s, which is for tests", room, only)
				}
			}
		}
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			checkFloor(t, room, imported)
		}
	}
}

func checkFloor(t *testing.T, room, imported string) {
	t.Helper()
	other, ours := strings.CutPrefix(imported, module)
	if !ours || other == room || strings.HasPrefix(other, "e2e") {
		return
	}
	switch {
	case floors[other] == floors[room]:
		t.Errorf("%s imports %s: rooms of one floor do not know each other", room, other)
	case floors[other] > floors[room]:
		t.Errorf("%s imports %s: imports run downwards only", room, other)
	}
}

func checkReserved(t *testing.T, room, imported string) {
	t.Helper()
	for _, r := range reserved {
		if imported != r.module && !strings.HasPrefix(imported, strings.TrimSuffix(r.module, "/")+"/") {
			continue
		}
		allowed := false
		for _, name := range r.rooms {
			allowed = allowed || name == room
		}
		if !allowed {
			t.Errorf("%s imports %s: %s", room, imported, r.reason)
		}
	}
}

// TestEnvironment holds that only the edge reads the environment, prints or exits.
func TestEnvironment(t *testing.T) {
	forbidden := regexp.MustCompile(`os\.(Getenv|LookupEnv|Environ|ExpandEnv|UserHomeDir|UserCacheDir|UserConfigDir|Exit)\(|fmt\.Print|log\.(Print|Fatal)|func init\(\)`)
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if room == "cmd/osssh" || strings.HasPrefix(room, "e2e") {
			continue
		}
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range forbidden.FindAllString(string(text), -1) {
				t.Errorf("only cmd/osssh reads the environment, prints or exits: %s in %s/%s", found, room, file)
			}
		}
	}
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
