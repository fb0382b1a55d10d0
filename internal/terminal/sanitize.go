// Package terminal is what osssh knows of terminals: text made harmless,
// questions to the person in front of one, tables, and progress.
package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sanitize makes a string from outside harmless on a terminal: control
// characters (C0, DEL, C1: with them every escape sequence loses its ESC or
// CSI) and characters that reorder or hide text are left out; a line end or a
// tab becomes a space, a byte that is not UTF-8 becomes U+FFFD.
func Sanitize(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// SanitizeLines is Sanitize for text of several lines, such as a banner: line
// ends and tabs stay.
func SanitizeLines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && hidden(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// hidden says whether r draws nothing of its own: controls (Cc), formats such
// as bidirectional overrides (Cf), surrogates and private use.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co)
}
