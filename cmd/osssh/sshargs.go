package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// ttyRequest is what -t and -T ask for.
type ttyRequest int

const (
	ttyAuto  ttyRequest = iota // with a shell, not with a command
	ttyNo                      // -T
	ttyYes                     // -t: where standard input is a terminal
	ttyForce                   // -tt: always
)

// sshArgs is a command line as ssh reads it.
type sshArgs struct {
	globals
	host       string
	user       string // "" = not given
	port       int    // 0 = not given
	identities []string
	tty        ttyRequest
	verbose    int // 0 to 3
	quiet      bool
	noStdin    bool
	family     int           // 4, 6, or 0 for both
	configFile string        // -F: "" = not given
	options    []string      // -o: Keyword=value
	address    string        // --address: "" = not given
	noJump     bool          // --no-jump
	wait       time.Duration // --wait: 0 = not given
	start      bool          // --start
	command    string        // as it is sent; "" = a shell

	own ownFlags // of a command that shares those of a login
}

// ownFlags are long flags that a command has beside those of a login, by name:
// where they go.
type ownFlags struct {
	toggles map[string]*bool
	words   map[string]*string
}

// usageError is a command line that cannot be read.
type usageError struct{ what string }

func (e *usageError) Error() string { return e.what }

// Every flag of ssh (ssh.c, OpenSSH 10): those that stand alone and those that
// take a word. Of them osssh knows knownFlags; the others are refused by name.
const (
	sshFlags       = "1246ACGKMNTVXYZafgknqstvxy"
	sshFlagsOfWord = "BDEFIJLOPQRSWbceilmopw"
	knownFlags     = "46FJTilnopqtv"
)

// parseSSHArgs reads words as ssh does: flags before and after the host, until
// "--" or a further word begins the remote command (ssh.c, main). The long
// flags of osssh may stand wherever a flag of ssh may.
func parseSSHArgs(words []string, g globals) (*sshArgs, error) {
	a := &sshArgs{globals: g, quiet: g.quiet}
	if err := a.parse(words); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *sshArgs) parse(words []string) error {
	rest, ended, err := a.flags(words)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return &usageError{"no instance named"}
	}
	if err := a.destination(rest[0]); err != nil {
		return err
	}
	rest = rest[1:]
	if !ended {
		if rest, _, err = a.flags(rest); err != nil {
			return err
		}
	}
	if a.user != "" && !validUser(a.user) {
		return &usageError{fmt.Sprintf("bad user %q", a.user)}
	}
	if a.quiet {
		a.verbose = 0
	}
	a.command = strings.Join(rest, " ")
	return nil
}

// flags takes the flags at the front of words and gives what follows them. It
// says too whether "--" ended them.
func (a *sshArgs) flags(words []string) (rest []string, ended bool, err error) {
	for len(words) > 0 {
		word := words[0]
		switch {
		case word == "--":
			return words[1:], true, nil
		case word == "--help":
			return nil, false, errHelp
		case isWaitFlag(word):
			words = words[1:]
			a.wait, err = parseWait(word)
		case strings.HasPrefix(word, "--"):
			words, err = takeLong(words, a.word, a.toggle)
		case len(word) < 2 || word[0] != '-':
			return words, false, nil
		default:
			words, err = a.cluster(word[1:], words[1:])
		}
		if err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// word and toggle are where the long flags of a login go, beside those of all
// commands.
func (a *sshArgs) word(name string) *string {
	if name == "address" {
		return &a.address
	}
	if own := a.own.words[name]; own != nil {
		return own
	}
	return a.globals.word(name)
}

func (a *sshArgs) toggle(name string) *bool {
	switch name {
	case "no-jump":
		return &a.noJump
	case "start":
		return &a.start
	}
	if own := a.own.toggles[name]; own != nil {
		return own
	}
	return a.globals.toggle(name)
}

// cluster reads one word of flags, "tt" or "p22" say, and gives the words
// behind it; a flag's own word may be the next one.
func (a *sshArgs) cluster(letters string, words []string) ([]string, error) {
	for i, letter := range letters {
		switch {
		case letter > 0x7f || !strings.ContainsRune(sshFlags+sshFlagsOfWord, letter):
			return nil, &usageError{fmt.Sprintf("unknown flag -%c", letter)}
		case !strings.ContainsRune(knownFlags, letter):
			return nil, &usageError{fmt.Sprintf("ssh's flag -%c is not supported", letter)}
		case strings.ContainsRune(sshFlags, letter):
			a.flag(letter)
			continue
		}
		value := letters[i+1:]
		if value == "" {
			if len(words) == 0 {
				return nil, &usageError{fmt.Sprintf("flag -%c needs a word", letter)}
			}
			value, words = words[0], words[1:]
		}
		return words, a.flagOfWord(letter, value)
	}
	return words, nil
}

func (a *sshArgs) flag(letter rune) {
	switch letter {
	case '4':
		a.family = 4
	case '6':
		a.family = 6
	case 'T':
		a.tty = ttyNo
	case 't':
		if a.tty == ttyYes {
			a.tty = ttyForce
		} else {
			a.tty = ttyYes // after -tt too
		}
	case 'n':
		a.noStdin = true
	case 'q':
		a.quiet = true
	case 'v': // only the first one undoes a -q before it
		a.quiet = a.quiet && a.verbose > 0
		a.verbose = min(a.verbose+1, 3)
	}
}

// flagOfWord takes a flag and its word. Of several -l or -p the first counts,
// and the others are not even looked at.
func (a *sshArgs) flagOfWord(letter rune, value string) error {
	switch letter {
	case 'F':
		a.configFile = value
	case 'J': // ssh's -J is this option by another name
		if slices.ContainsFunc(a.options, isProxyJump) {
			return &usageError{"only one -J is permitted: use commas to separate several hosts"}
		}
		a.options = append(a.options, "ProxyJump="+value)
	case 'o':
		return a.option(value)
	case 'i':
		if !slices.Contains(a.identities, value) {
			a.identities = append(a.identities, value)
		}
	case 'l':
		if value == "" {
			return &usageError{"flag -l names no user"}
		}
		if a.user == "" {
			a.user = value
		}
	case 'p':
		if a.port != 0 {
			return nil
		}
		var ok bool
		if a.port, ok = parsePort(value); !ok {
			return &usageError{fmt.Sprintf("bad port %q", value)}
		}
	}
	return nil
}

func isProxyJump(option string) bool {
	return strings.HasPrefix(strings.ToLower(option), "proxyjump")
}

// option reads a -o. User and Port are -l and -p by another name: of all of them
// the first counts. The rest is ssh_config's.
func (a *sshArgs) option(line string) error {
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, "= \t")
	if end > 0 && !strings.Contains(line, `"`) {
		value := strings.TrimSpace(strings.TrimLeft(line[end:], "= \t"))
		switch strings.ToLower(line[:end]) {
		case "user":
			return a.flagOfWord('l', value)
		case "port":
			return a.flagOfWord('p', value)
		}
	}
	a.options = append(a.options, line)
	return nil
}

// parsePort reads a number or the name of a service, as a2port does (misc.c).
func parsePort(s string) (int, bool) {
	port, err := net.LookupPort("tcp", strings.TrimLeft(s, " \t\n\v\f\r"))
	return port, err == nil && port != 0
}

// validUser is ssh_valid_ruser (readconf.c): what a shell could misread, or a
// flag, is no user.
func validUser(user string) bool {
	last := ' '
	for _, c := range user {
		if unicode.IsControl(c) || strings.ContainsRune("'`\";&<>|(){}", c) || c == '-' && last == ' ' {
			return false
		}
		last = c
	}
	return last != '\\'
}

// destination reads [user@]NAME or ssh://[user@]NAME[:port]. What -l and -p
// said before it counts. Unlike ssh's hosts a NAME may be anything.
func (a *sshArgs) destination(word string) error {
	user, host, port := "", word, 0
	if uri, ok := strings.CutPrefix(word, "ssh://"); ok {
		if user, host, port, ok = parseURI(uri); !ok {
			return &usageError{fmt.Sprintf("bad address %q", word)}
		}
	} else if at := strings.LastIndexByte(word, '@'); at >= 0 {
		user, host = word[:at], word[at+1:]
		if user == "" {
			return &usageError{fmt.Sprintf("no user before the @ of %q", word)}
		}
	}
	if host == "" {
		return &usageError{"no instance named"}
	}
	a.host = host
	if a.user == "" {
		a.user = user
	}
	if a.port == 0 {
		a.port = port
	}
	return nil
}

// parseURI reads what follows "ssh://" as parse_uri does (misc.c): the user ends
// at the first @, is decoded, and loses the parameters behind a semicolon; a
// path is none of ours.
func parseURI(uri string) (user, host string, port int, ok bool) {
	if before, after, found := strings.Cut(uri, "@"); found {
		before, _, _ = strings.Cut(before, ";")
		decoded, err := url.QueryUnescape(before)
		if err != nil || decoded == "" {
			return "", "", 0, false
		}
		user, uri = decoded, after
	}
	end := strings.IndexAny(uri, ":/")
	if strings.HasPrefix(uri, "[") {
		end = strings.IndexByte(uri, ']') + 1
	}
	if end < 0 {
		end = len(uri)
	}
	host, uri = uri[:end], uri[end:]
	if inner, found := strings.CutPrefix(host, "["); found {
		host = strings.TrimSuffix(inner, "]")
	}
	authority, path, _ := strings.Cut(uri, "/")
	digits, found := strings.CutPrefix(authority, ":")
	if ok = found || authority == ""; ok && digits != "" {
		port, ok = parsePort(digits)
	}
	return user, host, port, ok && host != "" && path == "" && !strings.Contains(host, "@")
}
