package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{
		"web-1":                 "web-1",
		"größe 東京":              "größe 東京",
		"a\x1b[31mred\x1b[0m":   "a[31mred[0m",
		"a\u009b31mb":           "a31mb",
		"two\r\nlines\tand":     "two lines and",
		"bell\a\x00\x7f":        "bell",
		"\u202eevil\u2066":      "evil",
		"bad\xff":               "bad\ufffd",
		"title\x1b]0;owned\x07": "title]0;owned",
	} {
		if got := Sanitize(in); got != want {
			t.Errorf("Sanitize(%q) = %q, want %q", in, got, want)
		}
	}
	if got := SanitizeLines("one\n\ttwo\x1b[2J\r\n"); got != "one\n\ttwo[2J\n" {
		t.Errorf("SanitizeLines keeps lines: %q", got)
	}
}

func FuzzSanitize(f *testing.F) {
	f.Add("web\x1b[31m")
	f.Fuzz(func(t *testing.T, s string) {
		got := Sanitize(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) {
			t.Errorf("Sanitize(%q) = %q", s, got)
		}
		if Sanitize(got) != got {
			t.Errorf("not idempotent: %q", s)
		}
	})
}
