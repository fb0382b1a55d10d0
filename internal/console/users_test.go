package console

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestAuthorizedKeys(t *testing.T) {
	keys := hostKeys(t)
	ed, rsa := keys[1], keys[2]
	row := func(k hostKey, sum []byte, options, comment string) []string {
		return []string{k.public.Type(), colons(sum), options, comment}
	}
	for _, v := range []struct {
		name string
		text string
		user string
		want []AuthorizedKey
		none []string
	}{
		{
			"one", keyTable("ubuntu", row(ed, ed.sha256(), "-", "me@laptop")),
			"ubuntu", []AuthorizedKey{{"ubuntu", "ssh-ed25519", ed.sha256(), nil, "me@laptop"}}, nil,
		}, {
			"md5 of old", keyTable("ubuntu", row(ed, ed.md5(), "-", "-")),
			"ubuntu", []AuthorizedKey{{"ubuntu", "ssh-ed25519", nil, ed.md5(), ""}}, nil,
		}, {
			"another hash", keyTable("ubuntu", row(ed, bytes.Repeat([]byte{1}, 64), "-", "c")),
			"ubuntu", []AuthorizedKey{{"ubuntu", "ssh-ed25519", nil, nil, "c"}}, nil,
		}, {
			"a hash that cloud-init could not make", keyTable("ubuntu", []string{"ssh-rsa", "?", "-", "c"}),
			"ubuntu", []AuthorizedKey{{"ubuntu", "ssh-rsa", nil, nil, "c"}}, nil,
		}, {
			"two keys, bars in the options", keyTable("core-1", row(rsa, rsa.sha256(), `command="a | b"`, "x y"), row(ed, ed.sha256(), "-", "z")),
			"core-1", []AuthorizedKey{{"core-1", "ssh-rsa", rsa.sha256(), nil, "x y"}, {"core-1", "ssh-ed25519", ed.sha256(), nil, "z"}}, nil,
		}, {
			"root first", keyTable("root", row(ed, ed.sha256(), "-", "r")) + keyTable("debian", row(ed, ed.sha256(), "-", "d")),
			"debian", []AuthorizedKey{{"root", "ssh-ed25519", ed.sha256(), nil, "r"}, {"debian", "ssh-ed25519", ed.sha256(), nil, "d"}}, nil,
		}, {
			"root alone", keyTable("root", row(ed, ed.sha256(), "-", "r")),
			"root", []AuthorizedKey{{"root", "ssh-ed25519", ed.sha256(), nil, "r"}}, nil,
		},
		{"none installed", "ci-info: no authorized SSH keys fingerprints found for user ubuntu.\n", "ubuntu", nil, []string{"ubuntu"}},
		{
			"one with, one without", keyTable("a", row(ed, ed.sha256(), "-", "-")) + "ci-info: no authorized SSH keys fingerprints found for user b.c.\n",
			"a", []AuthorizedKey{{"a", "ssh-ed25519", ed.sha256(), nil, ""}}, []string{"b.c"},
		},
		{"a row without its title", strings.Join(strings.Split(keyTable("u", row(ed, ed.sha256(), "-", "c")), "\n")[1:], "\n"), "", nil, nil},
		{"a row cut", keyTable("u", row(ed, ed.sha256(), "-", "c"))[:520], "", nil, nil},
		{"another table follows", keyTable("u", []string{"x509", "-", "-", "c"}) + "ci-info: done\nci-info: | ssh-rsa | " + colons(rsa.sha256()) + " | - | c |\n", "", nil, nil},
		{"a name that is a flag", keyTable("-oProxyCommand=x", row(ed, ed.sha256(), "-", "c")), "", nil, nil},
		{"a name with a command", "ci-info: no authorized SSH keys fingerprints found for user $(x).\n", "", nil, nil},
		{"CoreOS", "Ignition: wrote ssh authorized keys file for user: core\n", "core", nil, nil},
		{"CoreOS, a flag", "Ignition: wrote ssh authorized keys file for user: -F\n", "", nil, nil},
		{"cirros", "login as 'cirros' user. default password: 'gocubsgo'. use 'sudo' for root.\n", "cirros", nil, nil},
		{"the boot before", kernelStart + keyTable("u", row(ed, ed.sha256(), "-", "c")) + kernelStart, "", nil, nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			l := Parse(v.text)
			same := slices.EqualFunc(l.AuthorizedKeys, v.want, func(a, b AuthorizedKey) bool {
				return a.User == b.User && a.KeyType == b.KeyType && bytes.Equal(a.SHA256, b.SHA256) && bytes.Equal(a.MD5, b.MD5) && a.Comment == b.Comment
			})
			if !same || l.LoginAs != v.user || !slices.Equal(l.NoKeysFor, v.none) {
				t.Errorf("got %q %+v none for %q, want %q %+v none for %q", l.LoginAs, l.AuthorizedKeys, l.NoKeysFor, v.user, v.want, v.none)
			}
		})
	}
}

func TestHostileComment(t *testing.T) {
	k := hostKeys(t)[1]
	l := Parse(keyTable("u", []string{"ssh-ed25519", colons(k.sha256()), "-", "a\x1b]0;title\x07\u202eb" + strings.Repeat("é", 5000)}))
	if len(l.AuthorizedKeys) != 1 {
		t.Fatal("no key")
	}
	comment := l.AuthorizedKeys[0].Comment
	if !strings.HasPrefix(comment, "a]0;titlebé") || len([]rune(comment)) != maxKept {
		t.Errorf("%d runes: %.20q", len([]rune(comment)), comment)
	}
}
