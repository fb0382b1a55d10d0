package diagnose

import (
	"net/netip"
	"testing"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/sshconfig"
)

func netipPort(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

const (
	ownFile  = "/home/me/.ssh/osssh/known_hosts"
	userFile = "/home/me/.ssh/known_hosts"
)

// showing is web with a host key that a login refuses.
func showing(key ssh.PublicKey, refused reach.HostKeyRefusedError) *Facts {
	refused.Server = openstack.Server{ID: webID, Name: "web"}
	refused.Alias, refused.Names, refused.Key = "openstack-"+webID, []string{"web"}, key
	f := ended(connect.StageHostKey, &connect.HostKeyError{Key: key, Err: &refused})
	f.Probes[0].HostKey, f.Probes[0].Ruling = key, reach.RefuseByMemory
	return f
}

// accepting is web with a host key that a login accepts, and that other servers
// have too.
func accepting(key ssh.PublicKey, ruling reach.Ruling, others ...string) *Facts {
	f := silentWeb()
	f.Probes[0] = Probe{Candidate: f.Way.Candidates[0], Version: "SSH-2.0-x", HostKey: key, Ruling: ruling, KnownAs: others}
	return f
}

func TestHostKeyCauses(t *testing.T) {
	shown, old := aKey(t), aKey(t)
	fingerprint := ssh.FingerprintSHA256(shown)
	ours := []sshconfig.Line{{Key: old, Path: ownFile, Number: 3}}
	users := []sshconfig.Line{{Key: old, Path: userFile, Number: 7}}
	rebuilt := &openstack.Action{Action: "rebuild", Start: openstack.Time{Time: began}}
	known := func(f *Facts, others ...string) *Facts {
		f.Probes[0].KnownAs = others
		return f
	}
	strict := ended(connect.StageHostKey, &connect.HostKeyError{Key: shown, Err: reach.ErrStrict})
	strict.Probes[0].HostKey = shown
	private := resolve.Candidate{Address: netipPort("10.20.0.97:22"), Why: resolve.Routed, Kind: resolve.KindFixed}
	stranger := silentWeb()
	stranger.Probes[0] = failedProbe(private, connect.StageHostKey, &connect.HostKeyError{Key: shown, Err: &StrangerError{private}})
	stranger.Probes[0].PassedOver, stranger.Probes[0].HostKey = true, shown
	working := accepting(shown, reach.Remember, "openstack-other")
	working.Probes[0].Logins = []LoginProbe{{User: "debian", Accepted: shown, Signed: true, Exit: ptr(0)}}

	checkCases(t, []factCase{
		{"rebuilt", "H1", showing(shown, reach.HostKeyRefusedError{Known: ours, Action: rebuilt}), Certain,
			[]string{"since its rebuild on 2026-11-23", "ssh-keygen -R openstack-" + webID + " -f " + ownFile, ownFile + ":3 has", fingerprint}},
		{"rebuilt, known by name", "H1", showing(shown, reach.HostKeyRefusedError{Known: users, Action: rebuilt}), Certain,
			[]string{"ssh-keygen -R web -f " + userFile}},
		{"in both files", "H1", showing(shown, reach.HostKeyRefusedError{Known: append(ours, users...), Action: rebuilt}), Certain,
			[]string{ownFile + " && ssh-keygen -R web"}},
		{"for no reason", "H1", showing(shown, reach.HostKeyRefusedError{Known: ours}), Possible, []string{"nothing tells why"}},
		{"another server's key", "H2", known(showing(shown, reach.HostKeyRefusedError{ByConsole: true}), "openstack-db1"), Certain,
			[]string{"answered by another server, db1, not by web", "openstack server show db1"}},
		{"the name was another's", "H2", showing(shown, reach.HostKeyRefusedError{Known: users}), Probable,
			[]string{"called web before", "ssh-keygen -R web -f " + userFile}},
		{"strict", "H3", strict, Certain, []string{"StrictHostKeyChecking is yes", "osssh -o StrictHostKeyChecking=ask web", fingerprint}},
		{"an address that others have", "H3", stranger, Certain, []string{"other networks may have 10.20.0.97 too", "osssh --address 10.20.0.97 web"}},
		{"the console names others", "H4", showing(shown, reach.HostKeyRefusedError{ByConsole: true}), Certain,
			[]string{"the console of web does not name", "console log show " + webID}},
		{"revoked", "H4", showing(shown, reach.HostKeyRefusedError{Revoked: &users[0]}), Certain, []string{"revoked (" + userFile + ":7)"}},
		{"shared, and a login works", "H5", working, Certain, []string{"the same host key as another server", "openstack-other"}},
		{"shared, and the login fails for another reason", "H5", accepting(shown, reach.Accept, "openstack-a", "openstack-b"), Possible, []string{"2 other servers"}},
	})
	for id, near := range map[string]map[string]*Facts{
		"H1": {"by the console": showing(shown, reach.HostKeyRefusedError{ByConsole: true, Action: rebuilt}), "replaced unasked": accepting(shown, reach.Replace), "known by name only": showing(shown, reach.HostKeyRefusedError{Known: users})},
		"H2": {"rebuilt": showing(shown, reach.HostKeyRefusedError{Known: users, Action: rebuilt}), "of this server": showing(shown, reach.HostKeyRefusedError{Known: ours})},
		"H3": {"a login asks": accepting(shown, reach.Ask), "another address works": func() *Facts {
			f := accepting(shown, reach.Accept)
			f.Probes = append(f.Probes, stranger.Probes[0])
			return f
		}()},
		"H4": {"by memory": showing(shown, reach.HostKeyRefusedError{Known: ours, Action: rebuilt})},
		"H5": {"its own": accepting(shown, reach.Accept), "nobody vouches": accepting(shown, reach.Ask, "openstack-a")},
	} {
		checkAbsent(t, id, near)
	}
	for _, f := range []*Facts{showing(shown, reach.HostKeyRefusedError{Known: ours}), showing(shown, reach.HostKeyRefusedError{ByConsole: true})} {
		for _, cause := range hostKeyCauses() {
			if found := cause.Find(f); found != nil && found.Fix.Harmless {
				t.Errorf("%s: an unexplained host key is harmless", cause.ID)
			}
		}
	}
}
