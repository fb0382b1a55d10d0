package terminal

import (
	"bytes"
	"strings"
	"testing"
)

var sample = Table{
	Header: []string{"NAME", "STATUS", "USER"},
	Rows: [][]string{
		{"web", "ACTIVE", "debian"},
		{"東京", "SHUTOFF", ""},
		{"e\x1b[31mvil\ttab", "ACTIVE", "x"},
	},
}

func TestTableWriteText(t *testing.T) {
	var out bytes.Buffer
	if err := sample.WriteText(&out, 0); err != nil {
		t.Fatal(err)
	}
	want := "NAME          STATUS   USER\n" +
		"web           ACTIVE   debian\n" +
		"東京          SHUTOFF  -\n" +
		"e[31mvil tab  ACTIVE   x\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTableWriteTSV(t *testing.T) {
	var out bytes.Buffer
	if err := sample.WriteTSV(&out); err != nil {
		t.Fatal(err)
	}
	want := "web\tACTIVE\tdebian\n東京\tSHUTOFF\t-\ne[31mvil tab\tACTIVE\tx\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTableWriteTextFits(t *testing.T) {
	table := Table{
		Header: []string{"NAME", "STATUS", "KEY"},
		Rows: [][]string{
			{"web-frontend-1", "ACTIVE", "/home/me/.ssh/id_ed25519"},
			{"東京東京東京東", "SHUTOFF", ""},
		},
	}
	for _, tt := range []struct {
		name  string
		width int
		want  []string
	}{
		{"no limit", 0, []string{"NAME            STATUS   KEY", "web-frontend-1  ACTIVE   /home/me/.ssh/id_ed25519", "東京東京東京東  SHUTOFF  -"}},
		{"just wide enough", 49, []string{"NAME            STATUS   KEY", "web-frontend-1  ACTIVE   /home/me/.ssh/id_ed25519", "東京東京東京東  SHUTOFF  -"}},
		{"one too narrow", 48, []string{"NAME            STATUS   KEY", "web-frontend-1  ACTIVE   /home/me/.ssh/id_ed255…", "東京東京東京東  SHUTOFF  -"}},
		{"two columns cut", 38, []string{"NAME            STATUS   KEY", "web-frontend-1  ACTIVE   /home/me/.ss…", "東京東京東京東  SHUTOFF  -"}},
		{"wide runes are not halved", 30, []string{"NAME        STATUS   KEY", "web-front…  ACTIVE   /home/me…", "東京東京…   SHUTOFF  -"}},
		{"at every minimum", 1, []string{"NAME      STA…  KEY", "web-fro…  ACT…  /ho…", "東京東…   SHU…  -"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := table.WriteText(&out, tt.width); err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(tt.want, "\n") + "\n"; out.String() != want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
}
