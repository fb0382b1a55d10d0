package diagnose

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
)

func newPublicKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return toSSH(t, public)
}

func newRSAKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return toSSH(t, private.Public())
}

func toSSH(t *testing.T, public any) ssh.PublicKey {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keypairOf(key ssh.PublicKey) *openstack.Keypair {
	return &openstack.Keypair{Name: "work", Type: "ssh", PublicKey: string(ssh.MarshalAuthorizedKey(key))}
}

// keyFile is a key file here, and why it is thought to be the right one.
func keyFile(path string, public ssh.PublicKey, how keystore.How) *keystore.Identity {
	return &keystore.Identity{File: &keystore.File{Path: path, Public: public}, Public: public, How: how, Explicit: how == keystore.ByExplicit}
}

func agentKey(key ssh.PublicKey) *agent.Key {
	return &agent.Key{Format: key.Type(), Blob: key.Marshal(), Comment: "me@laptop"}
}

func publickeyOnly(user string) *connect.AuthError {
	return &connect.AuthError{User: user, Methods: []string{"publickey"}, Offered: 1}
}

// refusal is a login that the server plainly refused.
func refusal(user string, offered ...ssh.PublicKey) LoginProbe {
	return LoginProbe{User: user, Offered: offered, Methods: []string{"publickey"}, Err: publickeyOnly(user)}
}

// loginFacts is a server with keypair "work" whose key is here, and these
// logins to it.
func loginFacts(key ssh.PublicKey, logins ...LoginProbe) *Facts {
	f := serverFacts("ACTIVE")
	f.Nova.Server.KeyName, f.Nova.Server.UserID = "work", "me"
	f.Nova.Keypair = keypairOf(key)
	f.Way.Keys.Identities = []*keystore.Identity{keyFile("/home/me/.ssh/work", key, keystore.ByPublicKey)}
	f.Way.Login = resolve.Login{User: "ubuntu", From: "image property os_distro"}
	f.Probes = []Probe{{
		Candidate: resolve.Candidate{Kind: resolve.KindFloating, Address: netip.MustParseAddrPort("198.18.0.9:22")},
		Version:   "SSH-2.0-OpenSSH_9.6", HostKey: key, Logins: logins,
	}}
	return f
}

func with(f *Facts, changes ...func(*Facts)) *Facts {
	for _, change := range changes {
		change(f)
	}
	return f
}

// admitted is a login that works.
func admitted(user string, key ssh.PublicKey) LoginProbe {
	zero := 0
	return LoginProbe{User: user, Offered: []ssh.PublicKey{key}, Accepted: key, Signed: true, Exit: &zero}
}

func hinted(user, as string, key ssh.PublicKey) LoginProbe {
	return LoginProbe{
		User: user, Accepted: key, Signed: true, LoginAs: as,
		Output: "Please login as the user \"" + as + "\" rather than the user \"" + user + "\".\n",
	}
}

func TestUserCauses(t *testing.T) {
	key, other := newPublicKey(t), newPublicKey(t)
	at := func(day int) openstack.Time {
		return openstack.Time{Time: time.Date(2026, 11, day, 8, 0, 0, 0, time.UTC)}
	}
	denied := func(changes ...func(*Facts)) *Facts {
		return with(loginFacts(key, refusal("ubuntu", key)), changes...)
	}
	ends := func(text string) LoginProbe {
		return LoginProbe{User: "ubuntu", Err: &connect.AuthError{User: "ubuntu", Err: &connect.DisconnectError{Reason: 2, Message: text}}}
	}
	imageOf := func(distro string) func(*Facts) { return func(f *Facts) { f.Nova.Image.OSDistro = distro } }
	typed := func(user string) func(*Facts) {
		return func(f *Facts) { f.User, f.Way.Login = user, resolve.Login{User: user, From: "given"} }
	}
	installed := func(user string, key ssh.PublicKey) func(*Facts) {
		sum := sha256.Sum256(key.Marshal())
		return func(f *Facts) {
			f.Nova.Console.AuthorizedKeys = []console.AuthorizedKey{{User: user, SHA256: sum[:]}}
		}
	}
	noneHere := func(f *Facts) { f.Way.Keys.Identities = nil }
	misses := func(m ...keystore.Miss) func(*Facts) {
		return func(f *Facts) { f.Way.Keys.Identities, f.Way.Keys.Misses = nil, m }
	}
	batch := func(f *Facts) { f.Way.Batch = true }
	encrypted := func(f *Facts) { f.Way.Keys.Identities[0].File.Encrypted = true }
	locked := LoginProbe{User: "ubuntu", Accepted: key, Methods: []string{"publickey"}}
	anew := func(f *Facts) { f.Nova.Server.Created, f.Nova.Keypair.CreatedAt = at(1), at(9) }
	rebuilt := func(day int) func(*Facts) {
		return func(f *Facts) { f.Nova.Actions = []openstack.Action{{Action: "rebuild", Start: at(day)}} }
	}
	foreign := func(f *Facts) {
		f.Nova.Server.UserID, f.Nova.Keypair, f.Nova.KeypairErr = "you", nil, apiError(404)
		f.Way.Keys.Identities = []*keystore.Identity{keyFile("/home/me/.ssh/id_rsa", other, keystore.ByDefault)}
	}
	fault := func(id console.FaultID) func(*Facts) {
		return func(f *Facts) { f.Nova.Console.Faults = []console.Fault{{ID: id, Line: "line of " + string(id)}} }
	}
	open := &keystore.UnprotectedError{Path: "/home/me/.ssh/work", Mode: 0o644}
	unsigned := LoginProbe{User: "ubuntu", Accepted: key, Err: errors.New("agent: failure")}
	rsaKey := newRSAKey(t)
	oldServer := with(loginFacts(rsaKey, refusal("ubuntu", rsaKey)), func(f *Facts) { f.Probes[0].Version = "SSH-2.0-OpenSSH_6.6.1" })
	noAlgorithm := refusal("ubuntu")
	noAlgorithm.Err = &connect.AuthError{Err: errors.New(`ssh: no common public key signature algorithm, server only supports "ssh-rsa"`)}
	dsa := denied(noneHere, func(f *Facts) { f.Nova.Keypair.PublicKey = "ssh-dss AAAA" })
	further := LoginProbe{User: "ubuntu", Accepted: key, Methods: []string{"keyboard-interactive"}, Err: publickeyOnly("ubuntu")}
	passwords := LoginProbe{User: "ubuntu", Methods: []string{"password"}, Err: publickeyOnly("ubuntu")}
	expired := admitted("ubuntu", key)
	one := 1
	expired.Exit, expired.Output = &one, "WARNING: Your password has expired.\nPassword change required but no TTY available.\n"
	late := LoginProbe{User: "ubuntu", Accepted: key, Methods: []string{"publickey"}, Err: publickeyOnly("ubuntu")}
	windows := with(loginFacts(key), func(f *Facts) { f.Nova.Image.OSType, f.Probes = "windows", nil })
	certificate := denied(noneHere, func(f *Facts) { f.Nova.Keypair.Type = "x509" })

	checkCases(t, []factCase{
		{"root is told", "U1", with(loginFacts(key, refusal("debian", key), hinted("root", "ubuntu", key)), typed("debian")), Certain, []string{"osssh -l ubuntu web", "debian"}},
		{"by the image", "U1", with(loginFacts(key, refusal("debian", key)), typed("debian"), imageOf("ubuntu")), Probable, []string{"osssh -l ubuntu web", "os_distro"}},
		{"told another", "U1", loginFacts(key, hinted("ubuntu", "admin", key)), Certain, []string{"osssh -l admin web", "Please login as"}},
		{"root", "U2", with(loginFacts(key, hinted("root", "ubuntu", key)), typed("root")), Certain, []string{"osssh -l ubuntu web", "Please login as"}},
		{"no user at all", "U2", loginFacts(key, LoginProbe{User: "root", Accepted: key, Signed: true, Output: `Please login as the user "NONE" rather than the user "root".`}), Certain, []string{"user data"}},
		{"not here", "U3", denied(noneHere), Certain, []string{"keypair work", ssh.FingerprintSHA256(key), "wipes the root disk"}},
		{"its public half", "U3", denied(misses(keystore.Miss{Path: "/k/work.pub", Why: keystore.PublicOnly})), Certain, []string{"/k/work.pub"}},
		{"perhaps", "U3", denied(misses(keystore.Miss{Path: "/k/old.pem", Why: keystore.HiddenHalf})), Probable, []string{"osssh -i /k/old.pem web"}},
		{"deleted", "U3", denied(noneHere, func(f *Facts) { f.Nova.Keypair, f.Nova.KeypairErr = nil, apiError(404) }), Probable, []string{"deleted"}},
		{"-i", "U4", denied(func(f *Facts) {
			f.Way.Keys.Identities = []*keystore.Identity{keyFile("/k/other", other, keystore.ByExplicit)}
		}), Certain, []string{"/k/other", ssh.FingerprintSHA256(other), "osssh key find web"}},
		{"a .pub of another", "U4", loginFacts(key, LoginProbe{Accepted: key, Err: &keystore.MismatchError{Path: "/k/work", Have: other, Want: key}}), Certain, []string{"/k/work.pub"}},
		{"none", "U5", denied(func(f *Facts) { f.Nova.Server.KeyName, f.Nova.Keypair = "", nil }), Probable, []string{"--key-name KEYPAIR id-1", "wipes"}},
		{"none, not reached", "U5", with(loginFacts(key), func(f *Facts) { f.Nova.Server.KeyName = "" }), Possible, nil},
		{"made anew", "U6", denied(anew), Certain, []string{"2026-11-09", "--key-name work id-1"}},
		{"rebuilt since", "U6", denied(anew, rebuilt(10)), Probable, []string{"2026-11-10"}},
		{"rebuilt before", "U6", denied(anew, rebuilt(5)), Certain, nil},
		{"theirs", "U7", denied(foreign), Certain, []string{"user you", "keypair work"}},
		{"theirs, asked for with its owner", "U7", denied(func(f *Facts) { foreign(f); f.Nova.KeypairErr = apiError(403) }), Certain, []string{"user you"}},
		{"no key", "U8", denied(fault(console.NoAuthorizedKeys)), Certain, []string{"line of no-authorized-keys"}},
		{"no key, not reached", "U8", with(loginFacts(key), fault(console.NoDatasource)), Probable, nil},
		{"mode", "U9", loginFacts(key, LoginProbe{Accepted: key, Err: open}), Certain, []string{"osssh key fix /home/me/.ssh/work", "0644"}},
		{"mode, not reached", "U9", with(loginFacts(key), func(f *Facts) { f.Way.Keys.Identities[0].File.Unprotected = true }), Certain, []string{"osssh key fix"}},
		{"in batch mode", "U10", with(loginFacts(key, locked), encrypted, batch), Certain, []string{"ssh-add /home/me/.ssh/work", "BatchMode"}},
		{"asked for later", "U10", with(loginFacts(key, locked), encrypted), Possible, nil},
		{"encrypted whole", "U10", with(loginFacts(key, LoginProbe{Err: &keystore.PassphraseMissingError{Path: "/k/work.pem"}}), batch), Probable, []string{"ssh-add /k/work.pem"}},
		{"agent", "U10", with(loginFacts(key, unsigned), func(f *Facts) { f.Way.Keys.Identities[0].File, f.Way.Keys.Identities[0].Agent = nil, agentKey(key) }), Certain, []string{"ssh-add -X"}},
		{"too many", "U11", loginFacts(key, ends("Too many authentication failures")), Certain, []string{"osssh -o IdentitiesOnly=yes -i /home/me/.ssh/work web"}},
		{"old server", "U12", oldServer, Certain, []string{"ssh -o PubkeyAcceptedAlgorithms=+ssh-rsa", "-i /home/me/.ssh/work ubuntu@198.18.0.9", "OpenSSH_6.6"}},
		{"server-sig-algs", "U12", loginFacts(rsaKey, noAlgorithm), Certain, []string{"no common"}},
		{"DSA", "U12", dsa, Certain, []string{"DSA", "osssh key create work-ed25519"}},
		{"cut short", "U13", denied(misses(keystore.Miss{Path: "/k/work.pem", Why: keystore.Unusable, Err: &keystore.CorruptError{Path: "/k/work.pem", What: "cut short"}})), Certain, []string{"cut short", "osssh key show /k/work.pem"}},
		{"some file", "U13", denied(misses(keystore.Miss{Path: "/k/junk", Why: keystore.Unusable, Err: keystore.ErrNotKey})), Possible, nil},
		{"installed", "U14", denied(installed("ubuntu", key)), Probable, []string{"openstack server rescue id-1", "authorized_keys"}},
		{"a second factor", "U15", loginFacts(key, further), Certain, []string{"keyboard-interactive", "ssh ubuntu@198.18.0.9"}},
		{"passwords", "U15", loginFacts(key, passwords), Certain, []string{"only password"}},
		{"AllowUsers", "U15", loginFacts(key, refusal("ubuntu", key), hinted("root", "ubuntu", key)), Possible, []string{"AllowUsers"}},
		{"password", "U16", loginFacts(key, expired), Certain, []string{"chage -E -1 -M -1 ubuntu", "Your password has expired"}},
		{"after the key", "U16", loginFacts(key, late), Probable, []string{"refused the account ubuntu"}},
		{"Windows", "U17", windows, Certain, []string{"RDP", "get-password id-1"}},
		{"a certificate", "U17", certificate, Certain, []string{"X.509"}},
	})

	works := loginFacts(key, admitted("ubuntu", key))
	for _, id := range []string{"U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U9", "U11", "U12", "U13", "U14", "U15", "U16", "U17"} {
		checkAbsent(t, id, map[string]*Facts{"a login works": works, "nothing": {}})
	}
	checkAbsent(t, "U1", map[string]*Facts{"the same user": denied(imageOf("ubuntu")), "a guess": denied(typed("debian"))})
	checkAbsent(t, "U2", map[string]*Facts{"root was a guess": with(loginFacts(key, hinted("root", "ubuntu", key)), func(f *Facts) { f.Way.Login = resolve.Login{User: "root", Guess: true} })})
	checkAbsent(t, "U3", map[string]*Facts{"here": denied(), "named as it": denied(func(f *Facts) {
		f.Way.Keys.Identities = []*keystore.Identity{keyFile("/k/work", nil, keystore.ByName)}
	}), "not looked yet": denied(noneHere, func(f *Facts) { f.Phase = Found }), "not known": denied(noneHere, func(f *Facts) { f.Nova.Keypair, f.Nova.KeypairErr = nil, apiError(403) })})
	checkAbsent(t, "U4", map[string]*Facts{"the right one too": denied(func(f *Facts) {
		f.Way.Keys.Identities = append(f.Way.Keys.Identities, keyFile("/k/other", other, keystore.ByExplicit))
	})})
	checkAbsent(t, "U5", map[string]*Facts{"a keypair": denied(), "user data": denied(installed("ubuntu", other), func(f *Facts) { f.Nova.Server.KeyName = "" })})
	checkAbsent(t, "U6", map[string]*Facts{"older": denied(func(f *Facts) { f.Nova.Server.Created, f.Nova.Keypair.CreatedAt = at(9), at(1) }), "the console lists it": denied(anew, installed("ubuntu", key))})
	checkAbsent(t, "U7", map[string]*Facts{"mine": denied(noneHere), "readable": denied(func(f *Facts) { f.Nova.Server.UserID = "you" }), "not tried": with(loginFacts(key), foreign)})
	checkAbsent(t, "U8", map[string]*Facts{"no metadata": denied(fault(console.MetadataUnreachable)), "keys": denied(fault(console.NoDatasource), installed("ubuntu", key))})
	checkAbsent(t, "U9", map[string]*Facts{"protected": denied(), "another": denied(func(f *Facts) {
		f.Probes[0].Logins = nil
		f.Way.Keys.Identities = append(f.Way.Keys.Identities, &keystore.Identity{File: &keystore.File{Path: "/k/b", Unprotected: true}, How: keystore.ByPublicKey})
	})})
	checkAbsent(t, "U10", map[string]*Facts{"signed": works, "refused": denied(encrypted, batch)})
	checkAbsent(t, "U12", map[string]*Facts{"Ed25519": with(denied(), func(f *Facts) { f.Probes[0].Version = "SSH-2.0-OpenSSH_6.6" }), "7.2": with(loginFacts(rsaKey, refusal("ubuntu", rsaKey)), func(f *Facts) { f.Probes[0].Version = "SSH-2.0-OpenSSH_7.2" })})
	checkAbsent(t, "U14", map[string]*Facts{"for another": denied(installed("debian", key))})
	checkAbsent(t, "U16", map[string]*Facts{"soon": with(denied(), func(f *Facts) { f.Probes[0].Logins[0].Banner = "Your password will expire in 7 days" })})
	checkAbsent(t, "U17", map[string]*Facts{"Linux": denied(), "with a key": with(loginFacts(key, late), func(f *Facts) { f.Nova.Image.OSType = "windows" })})
}
