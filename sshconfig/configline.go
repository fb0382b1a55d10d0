package sshconfig

import (
	"errors"
	"strings"
)

const configBlanks = " \t\r\n"

var errQuotes = errors.New("invalid quotes")

// splitKeyword cuts the keyword, in lower case, off a line; args is what
// follows behind blanks and at most one '='. An empty keyword is an empty line
// or a comment.
func splitKeyword(line string) (keyword, args string) {
	if len(line) > 1 {
		line = line[:1] + strings.TrimRight(line[1:], configBlanks+"\f")
	}
	keyword, args, ok := nextWord(line)
	if ok && keyword == "" {
		keyword, args, ok = nextWord(args)
	}
	if !ok || strings.HasPrefix(keyword, "#") || strings.HasPrefix(keyword, "\n") {
		return "", ""
	}
	return lowerASCII(keyword), strings.TrimLeft(args, configBlanks)
}

// nextWord is strdelim of OpenSSH's misc.c: a word ends at a blank, at '=' or
// at a double quote, which begins a quoted rest of the word. One '=' with
// blanks around it separates words too. ok is false for a quote that is not
// closed.
func nextWord(s string) (word, rest string, ok bool) {
	end := strings.IndexAny(s, configBlanks+"\"=")
	if end < 0 {
		return s, "", true
	}
	if s[end] == '"' {
		quoted, rest, closed := strings.Cut(s[end+1:], "\"")
		return s[:end] + quoted, strings.TrimLeft(rest, configBlanks), closed
	}
	rest = strings.TrimLeft(s[end+1:], configBlanks)
	if s[end] != '=' && strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], configBlanks)
	}
	return s[:end], rest, true
}

// splitArguments is argv_split of OpenSSH's misc.c: blanks separate, single
// and double quotes keep together, a backslash takes the meaning from quotes,
// from itself and, outside quotes, from a space; "#" at the start of an
// argument ends the line.
func splitArguments(s string) ([]string, error) {
	var args []string
	for i := 0; ; {
		for i < len(s) && isBlank(s[i]) {
			i++
		}
		if i == len(s) || s[i] == '#' {
			return args, nil
		}
		arg, end, ok := quotedArgument(s, i)
		if !ok {
			return nil, errQuotes
		}
		args = append(args, arg)
		i = end
	}
}

// quotedArgument reads the argument that begins at s[i] and says where it
// ends.
func quotedArgument(s string, i int) (arg string, end int, ok bool) {
	var b strings.Builder
	var quote byte
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && escapes(s[i+1], quote):
			i++
			b.WriteByte(s[i])
		case quote == 0 && isBlank(c):
			return b.String(), i, true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), i, quote == 0
}

// escapes says whether a backslash before c is dropped.
func escapes(c, quote byte) bool {
	return c == '\'' || c == '"' || c == '\\' || quote == 0 && c == ' '
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
