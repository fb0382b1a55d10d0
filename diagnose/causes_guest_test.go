package diagnose

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

var floating = resolve.Candidate{Kind: resolve.KindFloating, Why: resolve.Floating, Address: netip.MustParseAddrPort("198.18.0.9:22")}

// dialled is a server whose address did this.
func dialled(err error) *Facts {
	f := serverFacts("ACTIVE")
	f.Way.Candidates = []resolve.Candidate{floating}
	f.Probes = []Probe{{Candidate: floating, Failed: &connect.Attempt{Stage: connect.StageDial, Err: err}}}
	return f
}

func shows(kind console.FaultID, stages ...console.Stage) func(*Facts) {
	return func(f *Facts) {
		f.Nova.ConsoleLen = 1000
		f.Nova.Console.Faults = append(f.Nova.Console.Faults, console.Fault{ID: kind, Uptime: time.Minute, Line: "line of " + string(kind)})
		for i, stage := range stages {
			f.Nova.Console.Milestones = append(f.Nova.Console.Milestones, console.Milestone{Stage: stage, Uptime: time.Duration(i) * time.Hour})
		}
	}
}

func TestGuestCauses(t *testing.T) {
	key := newPublicKey(t)
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	silent := func(changes ...func(*Facts)) *Facts { return with(dialled(syscall.ETIMEDOUT), changes...) }
	refused := func(changes ...func(*Facts)) *Facts { return with(dialled(syscall.ECONNREFUSED), changes...) }
	denied := func(changes ...func(*Facts)) *Facts {
		return with(loginFacts(key, refusal("ubuntu", key)), changes...)
	}
	started := func(ago time.Duration, stages ...console.Stage) func(*Facts) {
		return func(f *Facts) {
			f.At, f.Nova.Server.LaunchedAt = now, openstack.Time{Time: now.Add(-ago)}
			for _, stage := range stages {
				f.Nova.Console.Milestones = append(f.Nova.Console.Milestones, console.Milestone{Stage: stage})
			}
		}
	}
	rebooted := func(f *Facts) {
		f.Nova.Actions = []openstack.Action{{Action: "reboot", Start: openstack.Time{Time: now.Add(-time.Minute)}}}
	}
	volume := func(f *Facts) { f.Nova.Server.Image = openstack.ImageRef{} }
	image := func(f *Facts) { f.Nova.Server.Image.ID = "image-1" }
	noDHCP := func(f *Facts) { f.Neutron.Subnets = []openstack.Subnet{{EnableDHCP: false}} }
	talos := func(f *Facts) { f.Nova.Image.OSDistro = "talos" }
	lost := with(loginFacts(key, LoginProbe{User: "ubuntu", Accepted: key, Signed: true, Err: &connect.LostError{Err: errors.New("EOF")}}))
	hung := silent(func(f *Facts) {
		f.Probes[0].Failed = &connect.Attempt{Stage: connect.StageBanner, Err: &connect.TimeoutError{Stage: connect.StageBanner}}
	})
	deniedByRules := silent(func(f *Facts) {
		f.Way.Verdicts = []reach.Verdict{{Candidate: floating, Rules: secgroup.Verdict{Answer: secgroup.Deny}}}
	})
	checkCases(t, []factCase{
		{"panic", "O1", silent(shows(console.KernelPanic), image), Certain, []string{"kernel panic", "openstack server rescue id-1"}},
		{"GRUB", "O1", silent(shows(console.GRUBRescue), volume), Certain, []string{"--os-compute-api-version 2.87 server rescue id-1"}},
		{"emergency", "O2", silent(shows(console.MountFailed), shows(console.EmergencyMode)), Certain, []string{"line of mount-failed", "line of emergency-mode", "fstab"}},
		{"fsck", "O2", silent(shows(console.FsckNeeded)), Certain, []string{"fsck"}},
		{"file system", "O2", silent(shows(console.FilesystemError)), Probable, nil},
		{"no offers", "O3", silent(shows(console.NoDHCPLease)), Certain, []string{"openstack server reboot id-1", "DHCP"}},
		{"no address", "O3", silent(shows(console.NoAddress, console.Network)), Certain, nil},
		{"DHCP is off", "O3", silent(shows(console.NoDHCPLease), noDHCP), Probable, nil},
		{"denied", "O4", denied(shows(console.MetadataUnreachable)), Certain, []string{"config-drive", "line of metadata-unreachable"}},
		{"not reached", "O4", silent(shows(console.MetadataUnreachable)), Probable, nil},
		{"failed", "O5", refused(shows(console.SSHDFailed)), Certain, []string{"sshd -t", "line of sshd-failed"}},
		{"silent", "O5", silent(shows(console.SSHDFailed)), Probable, nil},
		{"before the end", "O6", refused(started(2*time.Minute, console.Kernel, console.CloudInitNetwork)), Probable, []string{"2m0s ago", "osssh --wait web"}},
		{"rebooted", "O6", refused(started(24*time.Hour, console.Kernel), rebooted), Probable, []string{"1m0s ago"}},
		{"retrying", "O6", refused(started(12*time.Minute, console.Kernel), shows(console.MetadataUnreachable)), Probable, nil},
		{"nothing printed", "O6", silent(started(time.Minute)), Possible, nil},
		{"a session fails", "O7", with(lost, shows(console.NoSpace)), Certain, []string{"line of no-space"}},
		{"silent", "O7", silent(shows(console.NoSpace)), Probable, nil},
		{"no banner", "O8", with(hung, shows(console.OutOfMemory)), Probable, []string{"reboot --hard id-1"}},
		{"refused", "O9", refused(talos), Certain, []string{"talosctl"}},
		{"silent", "O9", silent(talos), Probable, nil},
		{"empty", "O10", silent(), Probable, []string{"console url show id-1"}},
		{"404", "O10", silent(func(f *Facts) { f.Nova.ConsoleErr = apiError(404) }), Probable, nil},
	})
	works := func(changes ...func(*Facts)) *Facts {
		return with(loginFacts(key, admitted("ubuntu", key)), changes...)
	}
	all := []console.FaultID{console.KernelPanic, console.EmergencyMode, console.NoAddress, console.MetadataUnreachable, console.SSHDFailed, console.NoSpace, console.OutOfMemory}
	everything := works(talos, started(time.Minute))
	for _, kind := range all {
		everything = with(everything, shows(kind))
	}
	for _, cause := range guestCauses() {
		checkAbsent(t, cause.ID, map[string]*Facts{"a login works": everything, "nothing": {}})
	}
	checkAbsent(t, "O1", map[string]*Facts{"it went on": silent(shows(console.NoBootableDevice, console.LoginPrompt))})
	checkAbsent(t, "O2", map[string]*Facts{"it went on": silent(shows(console.MountFailed, console.LoginPrompt))})
	checkAbsent(t, "O3", map[string]*Facts{"a later try": silent(shows(console.NoDHCPLease, console.Network))})
	checkAbsent(t, "O4", map[string]*Facts{"it answered at last": denied(shows(console.MetadataUnreachable, console.Metadata))})
	checkAbsent(t, "O5", map[string]*Facts{"started again": refused(shows(console.SSHDFailed, console.Kernel, console.SSHD))})
	checkAbsent(t, "O6", map[string]*Facts{"long ago": refused(started(time.Hour, console.Kernel)), "over": refused(started(time.Minute, console.LoginPrompt)), "it connects": denied(started(time.Minute, console.Kernel)), "dead": refused(started(time.Minute, console.Kernel), shows(console.KernelPanic))})
	checkAbsent(t, "O9", map[string]*Facts{"an SSH server": denied(talos), "Ubuntu": refused()})
	checkAbsent(t, "O10", map[string]*Facts{"refused": refused(), "not allowed": silent(func(f *Facts) { f.Nova.ConsoleErr = apiError(403) }), "rules tell": deniedByRules, "a log": silent(func(f *Facts) { f.Nova.ConsoleLen = 5 })})
}

func TestSessionCauses(t *testing.T) {
	key := newPublicKey(t)
	one, zero := 1, 0
	session := func(l LoginProbe) *Facts {
		l.User, l.Accepted, l.Signed = "ubuntu", key, true
		return loginFacts(key, l)
	}
	booting := "System is booting up. Unprivileged users are not permitted to log in yet. Please come back later.\n"
	refusedLate := LoginProbe{User: "ubuntu", Accepted: key, Err: &connect.AuthError{User: "ubuntu", Banner: booting}}
	forbidden := &connect.ForwardError{Address: "10.0.0.5:22", Prohibited: true, Message: "open failed"}
	proxied := serverFacts("ACTIVE")
	proxied.Way.Proxied, proxied.Way.ProxyErr = true, &reach.HopError{Host: "bastion", Err: forbidden}
	tried := serverFacts("ACTIVE")
	tried.Way.JumpErr = &reach.NoJumpError{Tried: []reach.HopError{{Host: "bastion", Err: forbidden}}}
	beside := dialled(syscall.ETIMEDOUT)
	beside.Way.JumpErr = tried.Way.JumpErr
	unreachable := serverFacts("ACTIVE")
	unreachable.Way.Proxied, unreachable.Way.ProxyErr = true, &reach.HopError{Host: "bastion", Err: &connect.ForwardError{Message: "Connection refused"}}
	nologin := LoginProbe{Exit: &one, Output: "This account is currently not available.\n"}
	checkCases(t, []factCase{
		{"a banner", "X1", loginFacts(key, refusedLate), Certain, []string{"osssh --wait web", "booting up"}},
		{"no shell", "X2", with(session(nologin), func(f *Facts) { f.Nova.Image.OSDistro = "debian" }), Certain, []string{"osssh -l debian web", "not available"}},
		{"silent", "X3", session(LoginProbe{Silent: true}), Probable, []string{"MTU"}},
		{"noise", "X4", session(LoginProbe{Exit: &zero, Output: "Welcome!\n"}), Probable, []string{`"Welcome!"`, "bashrc"}},
		{"prescribed", "X5", proxied, Certain, []string{"jump host bastion", "10.0.0.5:22", "AllowTcpForwarding"}},
		{"the only way", "X5", tried, Certain, nil},
		{"beside a direct way", "X5", beside, Possible, nil},
		{"a status", "X6", session(LoginProbe{Exit: &one, Output: "ulimit: cannot modify limit\n"}), Probable, []string{"status 1", "ulimit"}},
		{"lost", "X6", session(LoginProbe{Err: &connect.LostError{Err: errors.New("EOF")}}), Probable, []string{"EOF"}},
		{"no session", "X6", session(LoginProbe{Err: &connect.RequestError{Request: "exec"}}), Probable, []string{"exec"}},
	})
	works := loginFacts(key, admitted("ubuntu", key))
	for _, cause := range sessionCauses() {
		checkAbsent(t, cause.ID, map[string]*Facts{"a login works": works, "nothing": {}, "denied": loginFacts(key, refusal("ubuntu", key))})
	}
	private := with(whole(key), func(f *Facts) {
		f.Neutron.Ways.FloatingIPs, f.Probes, f.Way.Candidates, f.Way.JumpErr = nil, nil, nil, tried.Way.JumpErr
	})
	if d := Explain(private); d.Outcome != Broken || d.Causes[0].Cause.ID != "X5" || !has(d.Later, "A2") {
		t.Errorf("a private server beside it: causes %v, later %v", ids(d.Causes), ids(d.Later))
	}
	checkAbsent(t, "X5", map[string]*Facts{"refused from there": unreachable})
	checkAbsent(t, "X6", map[string]*Facts{"no shell": session(nologin), "no status": session(LoginProbe{})})
	checkAbsent(t, "U16", map[string]*Facts{"booting": loginFacts(key, refusedLate)})
}
