package diagnose

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
)

func errno(e syscall.Errno) error {
	return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", e)}
}

func bannerless(text, version string) *Facts {
	return ended(connect.StageBanner, &connect.BannerError{Text: text, Version: version, Err: io.EOF})
}

func noneOf(what string, theirs ...string) *Facts {
	return ended(connect.StageKeyExchange, &ssh.AlgorithmNegotiationError{
		What: what, RequestedAlgorithms: theirs, SupportedAlgorithms: []string{ssh.KeyAlgoED25519},
	})
}

func refusedAnd(change func(*Facts)) *Facts {
	f := ended(connect.StageDial, errno(syscall.ECONNREFUSED))
	change(f)
	return f
}

func TestTransportCauses(t *testing.T) {
	timeout := func(stage connect.Stage) error { return &connect.TimeoutError{Stage: stage, After: time.Second} }
	same := func(*Facts) {}
	throughBastion := func(message string, prohibited bool) *Facts {
		f := ended(connect.StageDial, &connect.ForwardError{Address: "10.20.0.97:22", Message: message, Prohibited: prohibited})
		f.Probes[0].Through = "bastion"
		return f
	}
	checkCases(t, []factCase{
		{"clean APIs", "T1", silentWeb(), Probable, []string{"198.18.113.24:22 does not answer", "silent for 2.2s", "console url show " + webID}},
		{"a login prompt", "T1", webWith(func(f *Facts) {
			f.Nova.Console.Milestones = []console.Milestone{{Stage: console.LoginPrompt, Line: "web login:"}}
		}), Probable, []string{`"web login:"`}},
		{"refused", "T2", refusedAnd(same), Certain, []string{"refuses the connection", "console log show"}},
		{"refused on another port", "T2", refusedAnd(func(f *Facts) {
			f.Probes[0].Candidate.Inside = netipPort("10.20.0.97:2022")
		}), Certain, []string{"osssh -p 22 web"}},
		{"refused at a port forwarding", "T2", refusedAnd(func(f *Facts) { f.Probes[0].Candidate.Kind = resolve.KindForwarding }), Probable, nil},
		{"refused, and the console says why", "T2", refusedAnd(func(f *Facts) {
			f.Nova.Console.Faults = []console.Fault{{ID: console.SSHDFailed}}
		}), Probable, nil},
		{"refused, and it is booting", "T2", refusedAnd(func(f *Facts) {
			f.Nova.Server.LaunchedAt = openstack.Time{Time: began.Add(-time.Minute)}
			f.Nova.Console.Milestones = []console.Milestone{{Stage: console.CloudInitNetwork}}
		}), Probable, nil},
		{"refused, and the image has no sshd", "T2", refusedAnd(func(f *Facts) { f.Nova.Image.OSDistro = "talos" }), Probable, nil},
		{"refused behind a jump host", "T2", throughBastion("Connection refused", false), Certain, []string{"through bastion"}},
		{"no route", "T3", ended(connect.StageDial, errno(syscall.EHOSTUNREACH)), Probable, []string{"no route to host"}},
		{"no route behind a jump host", "T3", throughBastion("No route to host", false), Probable, nil},
		{"no route from here", "T3", ended(connect.StageDial, errno(syscall.ENETUNREACH)), Possible, []string{"this machine has no route"}},
		{"says nothing", "T4", ended(connect.StageBanner, timeout(connect.StageBanner)), Probable, []string{"no byte for 2s", "reboot --hard " + webID}},
		{"hangs up", "T5", bannerless("", ""), Probable, []string{"hangs up before its banner", "EOF"}},
		{"too many logins", "T5", bannerless("Exceeded MaxStartups\r\n", ""), Certain, []string{"MaxStartups"}},
		{"hangs up behind the banner", "T5", ended(connect.StageKeyExchange, io.EOF), Probable, []string{"in the key exchange"}},
		{"penalty", "T6", bannerless("Not allowed at this time\r\n", ""), Certain, []string{"10 minutes"}},
		{"a web server", "T7", bannerless("HTTP/1.1 400 Bad Request\n", ""), Certain, []string{"no SSH server", "HTTP/1.1 400", "osssh -p PORT web"}},
		{"a web server on another port", "T7", func() *Facts {
			f := bannerless("220 ftp", "")
			f.Probes[0].Candidate.Inside = netipPort("10.20.0.97:21")
			return f
		}(), Certain, []string{"osssh -p 22 web"}},
		{"SSH 1", "T7", bannerless("", "SSH-1.5-old"), Certain, []string{"SSH-1.5-old"}},
		{"reset at once", "T5", ended(connect.StageDial, errno(syscall.ECONNRESET)), Probable, []string{"hangs up before its banner", "no byte came"}},
		{"an old server", "T8", noneOf("host key", "ssh-rsa", "ssh-dss"), Certain, []string{"ssh-rsa, ssh-dss", "osssh -o HostKeyAlgorithms=+ssh-rsa web"}},
		{"an old key exchange", "T8", noneOf("key exchange", "diffie-hellman-group1-sha1", "kex-strict-s-v00@openssh.com"), Certain, []string{
			"it offers diffie-hellman-group1-sha1", "ssh -o KexAlgorithms=+diffie-hellman-group1-sha1 198.18.113.24", "newer sshd",
		}},
		{"a hostile cipher", "T8", noneOf("server to client cipher", "x;reboot"), Certain, []string{"ssh -o 'Ciphers=+x;reboot' 198.18.113.24"}},
		{"an old MAC", "T8", noneOf("client to server MAC", "hmac-md5"), Certain, []string{"ssh -o MACs=+hmac-md5 198.18.113.24"}},
		{"nothing but an extension", "T8", noneOf("key exchange", "ext-info-s"), Certain, []string{"newer sshd"}},
		{"another kind of host key than is known", "T8", func() *Facts {
			f := noneOf("host key", "rsa-sha2-512", "ssh-rsa")
			f.Way.HostKeys = reach.KnownHostKeys{Types: []string{"ssh-ed25519"}}
			return f
		}(), Certain, []string{"is known of web (ssh-ed25519)", "console log show"}},
	})
}

func TestNoTransportCauses(t *testing.T) {
	healthy := silentWeb()
	healthy.Probes[0] = Probe{Candidate: healthy.Way.Candidates[0], Version: "SSH-2.0-x"}
	for _, cause := range transportCauses() {
		for name, f := range map[string]*Facts{"healthy": healthy, "nothing was dialled": webWith(func(f *Facts) { f.Probes = nil })} {
			if found := cause.Find(f); found != nil {
				t.Errorf("%s: %s was found: %s", name, cause.ID, found.What)
			}
		}
	}
	one := func(f *Facts) *Facts { // of two addresses one answers
		f.Probes = append(f.Probes, healthy.Probes[0])
		return f
	}
	for id, near := range map[string]map[string]*Facts{
		"T1": {
			"the rules close it":      ruledBy("ssh", ssh22("192.0.2.0/24")),
			"the rules are not known": webWith(func(f *Facts) { f.Way.Verdicts[0].Err = errors.New("403") }),
			"the router is off":       webWith(func(f *Facts) { f.Neutron.Routers[0].AdminStateUp = false }),
			"the server is off":       webWith(func(f *Facts) { f.Nova.Server.Status = "SHUTOFF" }),
		},
		"T2": {"reset at once": ended(connect.StageDial, errno(syscall.ECONNRESET)), "another address answers": one(refusedAnd(func(*Facts) {})), "silent": silentWeb()},
		"T3": {"refused": refusedAnd(func(*Facts) {})},
		"T4": {"the key exchange stalls": stalledWith(nil), "penalty": bannerless("Not allowed at this time", "")},
		"T5": {"penalty": bannerless("Not allowed at this time", ""), "the key exchange stalls": stalledWith(nil), "no common algorithm": noneOf("cipher")},
		"T6": {"a web server": bannerless("HTTP/1.1 400", "")},
		"T7": {"penalty": bannerless("Not allowed at this time", ""), "hangs up": bannerless("", ""), "too many": bannerless("Exceeded MaxStartups", "")},
		"T8": {"hangs up": ended(connect.StageKeyExchange, io.EOF)},
	} {
		checkAbsent(t, id, near)
	}
}

// What answers at an address that a login passes over is nobody's word.
func TestForemostPassesOverStrangers(t *testing.T) {
	f := silentWeb()
	f.Probes = append(f.Probes, Probe{PassedOver: true, Version: "SSH-2.0-stranger"})
	if p := f.foremost(); p != &f.Probes[0] {
		t.Errorf("got %v", p)
	}
}
