package reach

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/sshconfig"
)

func newKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return publicKey(t, public)
}

func publicKey(t *testing.T, key any) ssh.PublicKey {
	t.Helper()
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// noSettings are those of a user without an ssh_config.
func noSettings(t *testing.T, name, home string) *sshconfig.Settings {
	t.Helper()
	settings, err := sshconfig.Evaluate(t.Context(), sshconfig.Options{Host: name, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestRule(t *testing.T) {
	key, other := newKey(t), newKey(t)
	shown := func(keys ...ssh.PublicKey) console.Log { return console.Log{HostKeys: keys} }
	told := func(key ssh.PublicKey) console.Log {
		return console.Log{Fingerprints: []string{ssh.FingerprintSHA256(key)}}
	}
	remembered := func(keys ...ssh.PublicKey) (lines []sshconfig.Line) {
		for _, key := range keys {
			lines = append(lines, sshconfig.Line{Key: key})
		}
		return lines
	}
	consoles := []struct {
		name string
		boot console.Log
	}{
		{"silent console", console.Log{}},
		{"console shows the key", shown(key)},
		{"console shows both", shown(other, key)},
		{"console tells its fingerprint", told(key)},
		{"console shows another", shown(other)},
		{"console tells another fingerprint", told(other)},
	}
	memories := []struct {
		name  string
		lines []sshconfig.Line
	}{
		{"no memory", nil},
		{"memory holds the key", remembered(key)},
		{"memory holds another", remembered(other)},
		{"memory holds both", remembered(other, key)},
	}
	want := [][]Ruling{
		{Ask, Accept, RefuseByMemory, Accept},
		{Remember, Accept, Replace, Accept},
		{Remember, Accept, Replace, Accept},
		{Remember, Accept, Replace, Accept},
		{RefuseByConsole, RefuseByConsole, RefuseByConsole, RefuseByConsole},
		{RefuseByConsole, RefuseByConsole, RefuseByConsole, RefuseByConsole},
	}
	for i, c := range consoles {
		for j, m := range memories {
			t.Run(c.name+", "+m.name, func(t *testing.T) {
				if got := Rule(c.boot, m.lines, key); got != want[i][j] {
					t.Errorf("got %d, want %d", got, want[i][j])
				}
			})
		}
	}
}

func TestHostKeyAlgorithms(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ed25519Key, ecdsaKey := newKey(t), publicKey(t, private.Public())
	lines := func(keys ...ssh.PublicKey) (lines []sshconfig.Line) {
		for _, key := range keys {
			lines = append(lines, sshconfig.Line{Key: key})
		}
		return lines
	}
	boot := func(types ...string) console.Log {
		return console.Log{Fingerprints: []string{"SHA256:x"}, HostKeyTypes: types}
	}
	for _, c := range []struct {
		name   string
		boot   console.Log
		memory []sshconfig.Line
		want   []string
	}{
		{"nothing known", console.Log{}, nil, []string{
			"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"}},
		{"memory", console.Log{}, lines(ed25519Key), []string{"ssh-ed25519"}},
		{"memory of RSA", console.Log{}, lines(publicKey(t, rsaKey.Public())), []string{"rsa-sha2-512", "rsa-sha2-256"}},
		{"several, best first", console.Log{}, lines(publicKey(t, rsaKey.Public()), ecdsaKey, ed25519Key),
			[]string{"ssh-ed25519", "ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256"}},
		{"the console before memory", boot("ecdsa-sha2-nistp256"), lines(ed25519Key), []string{"ecdsa-sha2-nistp256"}},
		{"types without keys are no word", console.Log{HostKeyTypes: []string{"ssh-rsa"}}, lines(ed25519Key), []string{"ssh-ed25519"}},
		{"a type that is not spoken", boot("ssh-dss", "ssh-ed25519"), nil, []string{"ssh-ed25519"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			known := hostKeys{settings: noSettings(t, "web", ""), users: &sshconfig.KnownHosts{}, boot: c.boot, memory: c.memory}
			if got := known.algorithms(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAlias(t *testing.T) {
	for status, want := range map[string]string{
		"ACTIVE": "openstack-42", "": "openstack-42", "ERROR": "openstack-42", "RESCUE": "openstack-42-rescue",
	} {
		if got := Alias(openstack.Server{ID: "42", Status: status}); got != want {
			t.Errorf("%s: %q, want %q", status, got, want)
		}
	}
}

// A key that other servers have too tells a copied image, or a moved address.
func TestOthersWith(t *testing.T) {
	mine, other := newKey(t), newKey(t)
	file := filepath.Join(t.TempDir(), "known_hosts")
	for name, key := range map[string]ssh.PublicKey{
		"openstack-1": mine, "openstack-1-rescue": mine, "openstack-2": mine, "openstack-3": other, "web": mine,
	} {
		if err := sshconfig.Add(file, name, key, sshconfig.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	p := &Plan{Server: openstack.Server{ID: "1"}, config: &Config{KnownHosts: file}}
	if got := p.OthersWith(mine); !slices.Equal(got, []string{"openstack-2"}) {
		t.Errorf("got %q", got)
	}
	p.config.KnownHosts = t.TempDir()
	if got := p.OthersWith(mine); got != nil {
		t.Errorf("a file that cannot be read tells %q", got)
	}
}
