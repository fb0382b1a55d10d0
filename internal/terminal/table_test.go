package terminal

import (
	"bytes"
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
	if err := sample.WriteText(&out); err != nil {
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
