package sshconfig

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	text := "SendEnv LANG LC_*\nSetEnv EDITOR=vi \"GREETING=hello there\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Evaluate(t.Context(), Options{Host: "web", UserFile: path, UID: os.Getuid()})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Environment([]string{"HOME=/root", "LANG=C.UTF-8", "LC_TIME=de", "LANGUAGE=en"})
	want := []string{"LANG=C.UTF-8", "LC_TIME=de", "EDITOR=vi", "GREETING=hello there"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
