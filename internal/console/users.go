package console

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

const (
	maxAuthorizedKeys = 256
	maxUsers          = 32
)

// AuthorizedKey is a row of cloud-init's table of installed keys
// (cloudinit/config/cc_ssh_authkey_fingerprints.py).
type AuthorizedKey struct {
	User    string
	KeyType string
	SHA256  []byte // 32 bytes, or nil where the table has another hash
	MD5     []byte // 16 bytes, as older cloud-init prints it, or nil
	Comment string // "" for none
}

var (
	tableTitle = regexp.MustCompile(`Authorized keys from .{1,400} for user ([^+ ]{1,64})\+*$`)
	tableRow   = regexp.MustCompile(`^\| *((?:ssh|ecdsa|sk)-[a-z0-9@.-]{1,60}) *\| *([0-9a-f]{2}(?::[0-9a-f]{2}){15,127}|[-?]) *\|(.*)\|$`)
	noKeysFor  = regexp.MustCompile(`no authorized SSH keys fingerprints found for user ([^ ]{1,65})\.$`)
	ignition   = regexp.MustCompile(`Ignition: wrote ssh authorized keys file for user: ([^ ]{1,64})$`)
	cirrosUser = regexp.MustCompile(`login as '([^']{1,64})' user`)

	// What useradd takes, and never a name that another program could read as a flag.
	userName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)
)

// readUsers reads who may log in, and by which key.
func (l *Log) readUsers(lines []line) {
	var table, ignited, cirros string
	for _, x := range lines {
		if _, info, found := strings.Cut(x.text, "ci-info: "); found {
			table = l.readTableLine(strings.TrimSpace(info), table)
		} else if u := userIn(ignition, x.text); u != "" && ignited == "" {
			ignited = u
		} else if u := userIn(cirrosUser, x.text); u != "" {
			cirros = u
		}
	}
	l.LoginAs = firstOf(l.tableUser(), ignited, cirros, l.keylessUser())
}

// readTableLine reads one line under cloud-init's mark and gives the user whose table is open.
func (l *Log) readTableLine(info, user string) string {
	if strings.Contains(info, "Authorized keys from ") {
		return userIn(tableTitle, info)
	}
	if u := userIn(noKeysFor, info); u != "" {
		if len(l.NoKeysFor) < maxUsers && !slices.Contains(l.NoKeysFor, u) {
			l.NoKeysFor = append(l.NoKeysFor, u)
		}
		return ""
	}
	if user != "" && len(l.AuthorizedKeys) < maxAuthorizedKeys {
		if k, ok := readRow(info); ok {
			k.User = user
			l.AuthorizedKeys = append(l.AuthorizedKeys, k)
		}
	}
	if !strings.HasPrefix(info, "|") && !strings.HasPrefix(info, "+") {
		return ""
	}
	return user
}

// readRow reads "| TYPE | FINGERPRINT | OPTIONS | COMMENT |". Options may hold
// bars, as may the comment: what stands after the last one is taken for it.
func readRow(info string) (AuthorizedKey, bool) {
	m := tableRow.FindStringSubmatch(info)
	if m == nil {
		return AuthorizedKey{}, false
	}
	k := AuthorizedKey{KeyType: m[1]}
	sum, _ := hex.DecodeString(strings.ReplaceAll(m[2], ":", "")) // the expression let only hexadecimal pass
	switch len(sum) {
	case 32:
		k.SHA256 = sum
	case 16:
		k.MD5 = sum
	}
	k.Comment = bounded(strings.TrimSpace(m[3][strings.LastIndexByte(m[3], '|')+1:]))
	if k.Comment == "-" {
		k.Comment = ""
	}
	return k, true
}

// tableUser is the first user with a key but root: cloud-init gives root's key
// only a word of where to go.
func (l *Log) tableUser() string {
	user := ""
	for _, k := range l.AuthorizedKeys {
		if k.User != "root" {
			return k.User
		}
		user = k.User
	}
	return user
}

// keylessUser: that no key was installed does not change who the user is.
func (l *Log) keylessUser() string {
	for _, u := range l.NoKeysFor {
		if u != "root" {
			return u
		}
	}
	return ""
}

func userIn(re *regexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil && userName.MatchString(m[1]) {
		return m[1]
	}
	return ""
}

func firstOf(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}
