package console

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

func TestBounds(t *testing.T) {
	keys := hostKeys(t)
	block := keyBlock("", keys...)
	filler := strings.Repeat(strings.Repeat("x", 99)+"\n", maxText/100)
	if l := Parse(block + filler); l.HasHostKeys() {
		t.Error("read more than the end of the log")
	}
	if l := Parse(filler + filler + block); !l.HasHostKeys() {
		t.Error("did not read the end of the log")
	}
	whole := "SSH host key: " + strings.Fields(keys[1].listing)[1] + " (ED25519)\n"
	if l := Parse("host " + whole + (filler + filler)[:maxText-len(whole)]); l.HasHostKeys() {
		t.Error("read half a line")
	}
	if l := Parse(block + strings.Repeat("x\n", maxLines)); l.HasHostKeys() {
		t.Error("read more lines than the last ones")
	}
	long := strings.Replace(block, "\n", "\n"+strings.Repeat("y ", maxLine)+keys[0].line+"\n", 1)
	if l := Parse(long); !sameKeys(l.HostKeys, keys) {
		t.Error("a long line of noise")
	}
	l := Parse(strings.Repeat("No space left on device "+strings.Repeat("é", 9999)+"\n", 10))
	if len(l.Faults) != 1 || utf8.RuneCountInString(l.Faults[0].Line) != maxKept {
		t.Errorf("%d faults", len(l.Faults))
	}
	many := keyTable("u", rowsOf(keys[1], 1000)...)
	if l := Parse(many); len(l.AuthorizedKeys) != maxAuthorizedKeys {
		t.Errorf("%d authorized keys", len(l.AuthorizedKeys))
	}
}

func rowsOf(k hostKey, n int) (out [][]string) {
	for range n {
		out = append(out, []string{"ssh-ed25519", colons(k.sha256()), "-", "c"})
	}
	return out
}

// A megabyte made to be slow takes no longer than its size explains.
func TestHostileMegabyte(t *testing.T) {
	for _, unit := range []string{"[0;", "ssh-rsa AAAA ", "Started ", "ci-info: | a | True |\n", "AAAA\n", "\ufffd login:\n"} {
		text := "-----BEGIN SSH HOST KEY KEYS-----\n-----BEGIN SSH HOST KEY FINGERPRINTS-----\n" + strings.Repeat(unit, maxText/len(unit)-100)
		start := time.Now()
		Parse(text)
		if took := time.Since(start); took > 30*time.Second { // about 0.1 s; what grows with the square takes minutes, -race on a busy machine does not
			t.Errorf("%q: %v", unit, took)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"web.log", "direct.log", "rebooted.log"} {
		f.Add(read(f, name))
	}
	keys := hostKeys(f)
	f.Add(kernelStart + printBlock("<14>Feb 18 12:42:13 cloud-init: ", keys...) + keyBlock("", keys...))
	f.Add("SSH host key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA (ED25519)\nIgnition: wrote ssh authorized keys file for user: core\n")
	f.Add("ci-info: no authorized SSH keys fingerprints found for user x.\nlogin as 'cirros' user\n[FAILED] Failed to start OpenSSH ")
	f.Fuzz(func(t *testing.T, text string) {
		l := Parse(text)
		if len(l.HostKeys) > maxHostKeys+1 || len(l.Fingerprints) > maxHostKeys+1 || len(l.AuthorizedKeys) > maxAuthorizedKeys || len(l.NoKeysFor) > maxUsers {
			t.Error("too many of something")
		}
		for _, k := range l.HostKeys {
			if !strings.Contains(clean(text), k.Type()) {
				t.Errorf("a key of type %q that nobody printed", k.Type())
			}
			if known, decided := l.Knows(k); !known || !decided {
				t.Error("does not know its own key")
			}
			if _, err := ssh.ParsePublicKey(k.Marshal()); err != nil {
				t.Error(err)
			}
		}
		strs := append([]string{l.LoginAs}, l.NoKeysFor...)
		strs = append(strs, l.Fingerprints...)
		for _, k := range l.AuthorizedKeys {
			strs = append(strs, k.User, k.KeyType, k.Comment)
			if n := len(k.SHA256); n != 0 && n != 32 {
				t.Errorf("SHA-256 of %d bytes", n)
			}
			if n := len(k.MD5); n != 0 && n != 16 {
				t.Errorf("MD5 of %d bytes", n)
			}
		}
		for _, m := range l.Milestones {
			strs = append(strs, m.Line)
		}
		for _, x := range l.Faults {
			strs = append(strs, x.Line)
		}
		for _, s := range strs {
			if utf8.RuneCountInString(s) > maxKept || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("not fit to be shown: %.400q", s)
			}
		}
		for _, u := range append(l.NoKeysFor, l.LoginAs) {
			if strings.HasPrefix(u, "-") || strings.ContainsAny(u, " \t@:/$`'\"\\;|&") {
				t.Errorf("user %q", u)
			}
		}
	})
}
