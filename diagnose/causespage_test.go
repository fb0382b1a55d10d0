package diagnose

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// update writes docs/causes.md anew: `make docs`.
var update = flag.Bool("update", false, "write docs/causes.md anew")

const causesPage = "../docs/causes.md"

// docs/causes.md says what the catalogue says.
func TestCausesPage(t *testing.T) {
	page := renderCauses()
	if *update {
		if err := os.WriteFile(causesPage, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(causesPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, page) {
		t.Error("docs/causes.md is not what the catalogue says: make docs")
	}
}

// chapters are the letters of ids, and what they are about.
var chapters = []struct{ letter, about string }{
	{"L", "This machine, its configuration, signing in"},
	{"C", "The cloud's APIs"},
	{"S", "Which server, and in which state"},
	{"A", "Addresses"},
	{"P", "The path: routers, networks, ports"},
	{"G", "Security groups"},
	{"T", "TCP and the SSH transport"},
	{"H", "Host keys"},
	{"U", "Users and keys"},
	{"O", "Inside the guest"},
	{"X", "After the login"},
}

func renderCauses() []byte {
	var b bytes.Buffer
	catalogue := Catalogue()
	fmt.Fprintf(&b, `# Why an SSH login fails: %d causes

`+"`osssh diagnose NAME`"+` names one of these, with how sure it is (certain, probable, possible), what shows it, and what
mends it. `+"`osssh causes ID`"+` shows an entry. Ids and slugs are stable. "Hits" is where on the way from here to the shell a
login meets the cause: of two, the one that is met first is named first.

This page is written from the table that osssh itself uses: `+"`make docs`"+`.
`, len(catalogue))
	for _, chapter := range chapters {
		fmt.Fprintf(&b, "\n## %s\n", chapter.about)
		for _, c := range catalogue {
			if strings.TrimRight(c.ID, "0123456789") != chapter.letter {
				continue
			}
			fmt.Fprintf(&b, "\n### %s %s\n%s\n", c.ID, c.Slug, c.Title)
			fmt.Fprintf(&b, "- shows: %s\n- told by: %s\n- mended: %s\n- hits: %s\n", c.Shows, c.Told, c.Mends, c.Layer)
		}
	}
	for _, table := range comparisons {
		fmt.Fprintf(&b, "\n## %s\n%s\n\n| %s | causes here |\n| --- | --- |\n", table.title, table.about, table.column)
		for _, row := range table.rows {
			cells := []string{}
			if len(row.ids) > 0 {
				cells = append(cells, strings.Join(row.ids, ", "))
			}
			if row.note != "" {
				cells = append(cells, row.note)
			}
			fmt.Fprintf(&b, "| %s | %s |\n", row.line, strings.Join(cells, ". "))
		}
	}
	return b.Bytes()
}

// Every line of another's list has its causes here, or a reason why not.
func TestComparisons(t *testing.T) {
	var known []string
	for _, c := range Catalogue() {
		known = append(known, c.ID)
	}
	for _, table := range comparisons {
		for _, row := range table.rows {
			if row.line == "" || len(row.ids) == 0 && row.note == "" || strings.Contains(row.line+row.note, "|") {
				t.Errorf("%s: %+v", table.title, row)
			}
			for _, id := range row.ids {
				if !slices.Contains(known, id) {
					t.Errorf("%s: %s: no cause %s", table.title, row.line, id)
				}
			}
		}
	}
}
