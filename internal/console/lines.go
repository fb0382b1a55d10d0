package console

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxText  = 1 << 20 // bytes of a log
	maxLine  = 16 << 10
	maxLines = 20_000
	maxKept  = 300 // runes of a string that is handed on
)

// line is one line of the log without escape sequences and control characters.
type line struct {
	text   string
	uptime time.Duration // 0 where the line tells none
}

var (
	// An escape sequence whole, or what is left of one when nova took ESC away
	// (nova/api/openstack/compute/console_output.py). Without ESC a parameter
	// is required: "[FAILED]" is text.
	escapes = regexp.MustCompile(`\x1b\[[0-9;?!]*[A-Za-z]|\x1b[()][A-Za-z0-9]|\[[0-9;?!]+[A-Za-z]`)

	// printk's time, with CONFIG_PRINTK_CALLER's id.
	printkTime = regexp.MustCompile(`^\[ *(\d{1,7}\.\d{1,9})\](?:\[ *[CT]\d+\])? ?`)
	// cloud-init's own: "Up 9.87 seconds", and cirros': "up 1.31."
	spokenTime = regexp.MustCompile(`\b[Uu]p (\d{1,7}\.\d{1,3})\b`)
)

// split cuts the end of a log into clean lines.
func split(text string) []line {
	if len(text) > maxText {
		text = text[len(text)-maxText:]
		_, text, _ = strings.Cut(text, "\n") // half a line proves nothing
	}
	raws := strings.FieldsFunc(text, isLineEnd)
	var out []line
	for _, raw := range raws[max(len(raws)-maxLines, 0):] {
		if len(raw) > maxLine {
			raw = raw[:maxLine]
		}
		if s := clean(raw); s != "" {
			out = append(out, newLine(s))
		}
	}
	return out
}

func newLine(s string) line { return line{text: s, uptime: uptime(s)} }

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// clean takes away escape sequences and what does not print.
func clean(s string) string {
	if strings.ContainsAny(s, "[\x1b") {
		s = escapes.ReplaceAllString(s, "")
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func uptime(s string) time.Duration {
	m := printkTime.FindStringSubmatch(s)
	if m == nil {
		m = spokenTime.FindStringSubmatch(s)
	}
	if m == nil {
		return 0
	}
	seconds, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}

// bounded cuts a string that is handed on.
func bounded(s string) string {
	n := 0
	for i := range s {
		if n == maxKept {
			return s[:i]
		}
		n++
	}
	return s
}
