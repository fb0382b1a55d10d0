package keystore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// candidates lists the files to open: those that the user named, then by place and
// name. Each counts once, under the path that comes first.
func candidates(s Search) (out []candidate, truncated bool) {
	seen := map[string]bool{}
	add := func(path string, explicit bool) {
		switch clean := filepath.Clean(path); {
		case seen[clean]:
		case len(out) >= maxScanned:
			truncated = true
		default:
			seen[clean] = true
			out = append(out, candidate{path: path, explicit: explicit})
		}
	}
	for _, path := range s.Explicit {
		add(path, true)
		if private, ok := strings.CutSuffix(path, ".pub"); ok && exists(private) {
			add(private, true)
		}
	}
	if s.Home == "" {
		return out, truncated
	}
	for _, place := range places(s.Home) {
		names, more := place.names()
		truncated = truncated || more
		for _, name := range names {
			add(filepath.Join(place.directory, name), false)
		}
	}
	return out, truncated
}

// place is a directory that is looked through, without those below it.
type place struct {
	directory string
	keysOnly  bool // only names of keys, as isKeyName has it: people keep other things there
}

func places(home string) []place {
	return []place{
		{directory: filepath.Join(home, ".ssh")},
		{directory: filepath.Join(home, ".ssh", "osssh")},
		{directory: home, keysOnly: true},
		{directory: filepath.Join(home, "Downloads"), keysOnly: true},
		{directory: filepath.Join(home, "Documents"), keysOnly: true},
	}
}

// names gives what may be a key, in order. A directory that is not there or may not be
// read has none.
func (p place) names() (names []string, truncated bool) {
	directory, err := os.Open(p.directory)
	if err != nil {
		return nil, false
	}
	defer directory.Close()
	entries, err := directory.ReadDir(maxNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	all := map[string]bool{}
	for _, e := range entries {
		all[e.Name()] = true
	}
	for _, e := range entries {
		if kind := e.Type(); !kind.IsRegular() && kind&os.ModeSymlink == 0 {
			continue
		}
		if p.wants(e.Name(), all) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, len(entries) == maxNames
}

func (p place) wants(name string, all map[string]bool) bool {
	if p.keysOnly {
		return isKeyName(name)
	}
	if private, ok := strings.CutSuffix(name, ".pub"); ok {
		// With its private half beside it, it is read together with that one.
		return !all[private] && !strings.HasSuffix(name, "-cert.pub")
	}
	switch name {
	case "config", "known_hosts", "known_hosts.old", "authorized_keys", "environment", "rc":
		return false
	}
	return true
}

// isKeyName goes by the endings under which clouds and browsers save keys, and osssh itself.
func isKeyName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".pem", ".ppk", ".key", ".pk8":
		return true
	}
	return strings.HasPrefix(name, "id_")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
