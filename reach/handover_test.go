package reach

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"osssh/internal/console"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/sshconfig"
)

func TestPlanHostKeys(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, nist, revoked := newKey(t), publicKey(t, &private.PublicKey), newKey(t)
	home := t.TempDir()
	path := filepath.Join(home, "known_hosts")
	line := "@revoked * " + string(ssh.MarshalAuthorizedKey(revoked))
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	users, _, err := sshconfig.ReadKnownHosts(path)
	if err != nil {
		t.Fatal(err)
	}
	memory := func(keys ...ssh.PublicKey) (lines []sshconfig.Line) {
		for _, key := range keys {
			lines = append(lines, sshconfig.Line{Key: key})
		}
		return lines
	}
	for _, c := range []struct {
		name   string
		boot   console.Log
		memory []sshconfig.Line
		keys   []ssh.PublicKey
		types  []string
	}{
		{name: "nothing known"},
		{"console before memory", console.Log{HostKeys: []ssh.PublicKey{edwards}, HostKeyTypes: []string{edwards.Type()}}, memory(nist),
			[]ssh.PublicKey{edwards}, []string{"ssh-ed25519"}},
		{"keys and their fingerprints", console.Log{
			HostKeys: []ssh.PublicKey{edwards}, HostKeyTypes: []string{nist.Type(), edwards.Type()},
			Fingerprints: []string{ssh.FingerprintSHA256(edwards), ssh.FingerprintSHA256(nist)},
		}, nil, []ssh.PublicKey{edwards, nist}, []string{"ssh-ed25519", "ecdsa-sha2-nistp256"}},
		{"memory", console.Log{}, memory(nist, nist), []ssh.PublicKey{nist}, []string{"ecdsa-sha2-nistp256"}},
		{"revoked", console.Log{HostKeys: []ssh.PublicKey{revoked, nist}, HostKeyTypes: []string{nist.Type()}}, nil,
			[]ssh.PublicKey{nist}, []string{"ecdsa-sha2-nistp256"}},
	} {
		plan := &Plan{hostKeys: hostKeys{
			settings: noSettings(t, "web", home), names: []string{"web"}, boot: c.boot, memory: c.memory, users: users,
		}}
		var want []string
		for _, key := range c.keys {
			want = append(want, ssh.FingerprintSHA256(key))
		}
		slices.Sort(want)
		if got := plan.HostKeys(); !slices.Equal(got.Fingerprints(), want) || !slices.Equal(got.Types, c.types) {
			t.Errorf("%s: %+v, want %v %v", c.name, got, want, c.types)
		}
	}
}

func TestPlanIdentity(t *testing.T) {
	key, other := newKey(t), newKey(t)
	file := func(format keystore.Format, public ssh.PublicKey) *keystore.Identity {
		return &keystore.Identity{File: &keystore.File{Format: format}, Public: public}
	}
	held := &keystore.Identity{Agent: &agent.Key{}, Public: key}
	pem, ppk, strange, hidden := file(keystore.PEM, key), file(keystore.PPK, key), file(keystore.PPK, other), file(keystore.PEM, nil)
	for _, c := range []struct {
		name string
		of   []*keystore.Identity
		want *keystore.Identity
	}{
		{"the agent's alone", []*keystore.Identity{held}, held},
		{"a file before the agent", []*keystore.Identity{held, pem}, pem},
		{"the format before another", []*keystore.Identity{held, pem, ppk}, ppk},
		{"never another key", []*keystore.Identity{held, strange}, held},
		{"a hidden one is like no other", []*keystore.Identity{hidden, ppk}, hidden},
	} {
		plan := &Plan{Keys: keystore.Result{Identities: c.of}}
		if got := plan.Identity(keystore.PPK); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestPlanAnswering(t *testing.T) {
	address := func(listens bool) resolve.Candidate {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if listens {
			t.Cleanup(func() { l.Close() })
		} else if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return resolve.Candidate{Address: netip.MustParseAddrPort(l.Addr().String())}
	}
	up, alsoUp, down, alsoDown := address(true), address(true), address(false), address(false)
	for _, c := range []struct {
		name string
		of   []resolve.Candidate
		want resolve.Candidate
	}{
		{"one is not tried", []resolve.Candidate{down}, down},
		{"the best", []resolve.Candidate{up, alsoUp}, up},
		{"the next", []resolve.Candidate{down, up, alsoUp}, up},
		{"none", []resolve.Candidate{down, alsoDown}, down},
	} {
		began := time.Now()
		if got := (&Plan{Candidates: c.of}).Answering(t.Context()); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got.Address, c.want.Address)
		}
		if took := time.Since(began); took >= answerPatience {
			t.Errorf("%s: took %s", c.name, took)
		}
	}
}
