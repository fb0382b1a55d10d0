package diagnose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/terminal"
	"osssh/resolve"
)

// transportCauses are those that the catalogue numbers with T.
func transportCauses() []Cause {
	return []Cause{
		{
			ID: "T1", Slug: "silent", Layer: Transport,
			Title: "nothing answers, though the cloud lets it through: the guest's firewall or routing",
			Shows: "a timeout",
			Told:  "the APIs find nothing wrong on the way, and TCP stays silent",
			Mends: "look at the guest by its console: firewall, address, routes",
			Find:  findSilent,
		},
		{
			ID: "T2", Slug: "refused", Layer: Transport,
			Title: "no SSH server listens on the port",
			Shows: "\"Connection refused\"",
			Told:  "the TCP connection is refused at once",
			Mends: "start sshd by the console; wait, if the server is only booting; dial the right port",
			Find:  findRefused,
		},
		{
			ID: "T3", Slug: "host-unreachable", Layer: Transport,
			Title: "the way's last host says that the server cannot be reached, or the guest's firewall rejects",
			Shows: "\"No route to host\"",
			Told:  "an ICMP error in place of an answer",
			Mends: "open the guest's firewall; see that the guest has its address",
			Find:  findHostUnreachable,
		},
		{
			ID: "T4", Slug: "no-banner", Layer: Transport,
			Title: "the server takes the connection and says nothing",
			Shows: "\"Connection timed out during banner exchange\"",
			Told:  "TCP connects, and no byte comes",
			Mends: "look at the console: a hung or overloaded guest is rebooted",
			Find:  findNoBanner,
		},
		{
			ID: "T5", Slug: "closed-before-login", Layer: Transport,
			Title: "the server hangs up before the login",
			Shows: "\"kex_exchange_identification: Connection closed by remote host\"",
			Told:  "the connection ends before the server's banner: fail2ban, hosts.deny, MaxStartups",
			Mends: "lift the ban by the console, or come from another address",
			Find:  findClosed,
		},
		{
			ID: "T6", Slug: "penalty", Layer: Transport,
			Title: "the server punishes failed logins from here for a while (PerSourcePenalties)",
			Shows: "\"Not allowed at this time\"",
			Told:  "that text in place of a banner",
			Mends: "wait: at most 10 minutes",
			Find:  findPenalty,
		},
		{
			ID: "T7", Slug: "not-ssh", Layer: Transport,
			Title: "something else than SSH listens on the port",
			Shows: "a protocol error",
			Told:  "what came in place of \"SSH-2.0-…\"",
			Mends: "dial the port of SSH: osssh -p PORT",
			Find:  findNotSSH,
		},
		{
			ID: "T8", Slug: "no-common-algorithm", Layer: Transport,
			Title: "client and server have no algorithm in common",
			Shows: "\"Unable to negotiate … no matching host key type, key exchange method or cipher found\"",
			Told:  "the lists that both sent",
			Mends: "-o HostKeyAlgorithms=+ssh-rsa for an old server; else a newer sshd",
			Find:  findNoCommonAlgorithm,
		},
	}
}

// foremost is the probe that came furthest, nil where none was made. What
// answers at an address that may be another machine's does not count.
func (f *Facts) foremost() *Probe {
	var best *Probe
	for i := range f.Probes {
		p := &f.Probes[i]
		if !p.PassedOver && (best == nil || p.progress() > best.progress()) {
			best = p
		}
	}
	return best
}

// progress orders probes by how far they came: silent, unreachable, refused,
// connected, identified, and so on.
func (p *Probe) progress() int {
	const connected = 10
	switch {
	case p.Failed == nil:
		return connected + int(connect.StageSession)
	case p.Failed.Stage > connect.StageDial:
		return connected + int(p.Failed.Stage)
	case p.reset():
		return connected + int(connect.StageBanner)
	case p.refused():
		return 2
	case p.unreachable():
		return 1
	}
	return 0
}

// refused says that TCP was refused, here or at the jump host's end.
func (p *Probe) refused() bool {
	var forward *connect.ForwardError
	return p.Failed != nil && p.Failed.Stage == connect.StageDial &&
		(errors.Is(p.Failed.Err, syscall.ECONNREFUSED) || errors.As(p.Failed.Err, &forward) && !forward.Prohibited && strings.Contains(forward.Message, "refused"))
}

// reset says that the server took the connection and hung up before connect(2)
// had returned here: a port that nothing listens at refuses it.
func (p *Probe) reset() bool {
	return p.Failed != nil && p.Failed.Stage == connect.StageDial && errors.Is(p.Failed.Err, syscall.ECONNRESET)
}

// unreachable says that an ICMP error came, or that this machine knows no way.
func (p *Probe) unreachable() bool {
	if p.Failed == nil || p.Failed.Stage != connect.StageDial {
		return false
	}
	var forward *connect.ForwardError
	if errors.As(p.Failed.Err, &forward) {
		return !forward.Prohibited && (strings.Contains(forward.Message, "No route") || strings.Contains(forward.Message, "unreachable"))
	}
	return errors.Is(p.Failed.Err, syscall.EHOSTUNREACH) || errors.Is(p.Failed.Err, syscall.ENETUNREACH)
}

// timedOut says that a stage was not done in time.
func (p *Probe) timedOut(stage connect.Stage) bool {
	var timeout *connect.TimeoutError
	return p.Failed != nil && p.Failed.Stage == stage && errors.As(p.Failed.Err, &timeout)
}

// stalled says that nothing came behind the server's banner.
func (p *Probe) stalled() bool { return p.timedOut(connect.StageKeyExchange) }

// target names what a probe dialled.
func (p *Probe) target() string {
	if p.Through != "" {
		return fmt.Sprintf("%s, through %s", p.Candidate.Address, p.Through)
	}
	return p.Candidate.Address.String()
}

// quoted is a peer's text in one short line.
func quoted(text string) string {
	const most = 120
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%q", strings.TrimSpace(text))
}

func findSilent(f *Facts) *Finding {
	p := f.foremost()
	if p == nil || p.Failed == nil || p.progress() > 0 || !f.running() || p.Through == "" && f.Way.Proxied {
		return nil
	}
	if w := f.wayBy(p.Candidate); !w.open() && (f.Way.Jump == nil || p.Through == "") {
		return nil // the rules do not surely let it through
	}
	for _, cause := range slices.Concat(pathCauses(), groupCauses()) {
		if found := cause.Find(f); found != nil && found.Confidence >= Probable {
			return nil
		}
	}
	server := f.Nova.Server
	found := &Finding{
		Confidence: Probable,
		What:       fmt.Sprintf("%s does not answer, though security groups and network let it through: the guest's firewall or routing", p.target()),
		Evidence:   []string{fmt.Sprintf("TCP was silent for %s", roundly(p.Took))},
		Fix:        Fix{Command: "openstack console url show " + server.ID, Words: "and look in the guest for a firewall, its address and its routes"},
	}
	if at := f.milestone(console.LoginPrompt); at != "" {
		found.Evidence = append(found.Evidence, "the console shows a login prompt: "+quoted(at))
	}
	return found
}

// milestone is the console's line that says that the boot has come to a stage.
func (f *Facts) milestone(stage console.Stage) string {
	if m := find(f.Nova.Console.Milestones, func(m console.Milestone) bool { return m.Stage == stage }); m != nil {
		return m.Line
	}
	return ""
}

// roundly is a duration as people say it: "2.2s", "45s".
func roundly(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func findRefused(f *Facts) *Finding {
	p := f.foremost()
	if p == nil || !p.refused() {
		return nil
	}
	found := &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("%s refuses the connection: no SSH server listens there", p.target()),
		Evidence:   []string{fmt.Sprintf("connection refused after %s", roundly(p.Took))},
		Fix:        Fix{Words: "start sshd in the guest, by its console"},
	}
	if server := f.Nova.Server; server != nil {
		found.Fix.Command = "openstack console log show " + server.ID
	}
	if port := f.anotherPort(p); port != 0 {
		found.Fix = Fix{
			Command: fmt.Sprintf("osssh -p %d %s", port, terminal.Quote(f.Name)),
			Words:   fmt.Sprintf("if sshd listens on %d, not on %d", port, p.Candidate.Inside.Port()),
		}
	}
	if p.Candidate.Kind == resolve.KindForwarding {
		found.Confidence = Probable
		found.Evidence = append(found.Evidence, "the router of the port forwarding may refuse it as well as the server")
	}
	if f.bootTells() {
		found.Confidence = Probable
		found.Evidence = append(found.Evidence, "the console tells why")
	}
	return found
}

// anotherPort is where else sshd is likely to listen than at the port that was
// dialled: where the server's metadata has it, else at 22. 0: nowhere.
func (f *Facts) anotherPort(p *Probe) int {
	dialled := int(p.Candidate.Inside.Port())
	if dialled == 0 || f.Nova.Server == nil {
		return 0
	}
	for _, port := range []int{resolve.SSHPort(*f.Nova.Server, 0), 22} {
		if port != dialled {
			return port
		}
	}
	return 0
}

// youngBoot is how long after its launch a server's SSH may be on its way:
// metadata that does not answer holds cloud-init for minutes.
const youngBoot = 10 * time.Minute

// bootTells says whether the console, the image or the server's age explain a
// closed port better than the port itself: sshd failed, the boot has stopped or
// still runs, the image has no sshd.
func (f *Facts) bootTells() bool {
	log := f.Nova.Console
	if _, dead := log.Dead(); dead {
		return true
	}
	if slices.ContainsFunc(log.Faults, func(x console.Fault) bool { return x.ID == console.SSHDFailed || x.ID == console.NoSpace }) {
		return true
	}
	image := f.Nova.Image
	if strings.EqualFold(image.OSDistro, "talos") || strings.EqualFold(image.OSType, "windows") {
		return true
	}
	return len(log.Milestones) > 0 && !log.Over() && f.now().Sub(f.since()) < youngBoot
}

// since is when the server was launched, started or rebooted last, as far as
// nova tells.
func (f *Facts) since() time.Time {
	since := time.Time{}
	if f.Nova.Server != nil {
		since = f.Nova.Server.LaunchedAt.Time
	}
	for _, action := range f.Nova.Actions {
		if slices.Contains([]string{"start", "reboot", "rebuild", "unshelve", "rescue", "unrescue"}, action.Action) && action.Start.After(since) {
			since = action.Start.Time
		}
	}
	return since
}

// now is the time of the asking by the cloud's clock.
func (f *Facts) now() time.Time { return f.At.Add(f.Setup.Clock) }

func findHostUnreachable(f *Facts) *Finding {
	p := f.foremost()
	if p == nil || !p.unreachable() {
		return nil
	}
	found := &Finding{
		Confidence: Probable,
		What:       fmt.Sprintf("%s: no route to host; the guest's firewall rejects, or it does not have its address", p.target()),
		Evidence:   []string{fmt.Sprintf("%s after %s", innermost(p.Failed.Err), roundly(p.Took))},
		Fix:        Fix{Words: "look at the guest's firewall and address by its console"},
	}
	if f.Nova.Server != nil {
		found.Fix.Command = "openstack console url show " + f.Nova.Server.ID
	}
	if errors.Is(p.Failed.Err, syscall.ENETUNREACH) && p.Through == "" {
		found.Confidence = Possible
		found.What = fmt.Sprintf("this machine has no route to %s", p.Candidate.Address.Addr())
		found.Fix = Fix{Words: "check this machine's routes, or its VPN"}
	}
	return found
}

func findNoBanner(f *Facts) *Finding {
	p := f.foremost()
	if _, banner := f.badBanner(); p == nil || banner != nil || !p.timedOut(connect.StageBanner) {
		return nil
	}
	found := &Finding{
		Confidence: Probable,
		What:       fmt.Sprintf("%s takes the connection and says nothing: the guest hangs, is overloaded, or has too many logins under way", p.target()),
		Evidence:   []string{fmt.Sprintf("connected after %s, then no byte for %s", roundly(p.Took), roundly(p.Failed.Duration))},
		Fix:        Fix{Words: "look at the console first; a reboot ends what runs there"},
	}
	if f.Nova.Server != nil {
		found.Fix.Command = "openstack server reboot --hard " + f.Nova.Server.ID
	}
	if port := f.anotherPort(p); f.Port != 0 && port != 0 {
		found.What = fmt.Sprintf("%s takes the connection and says nothing: no SSH server listens there, or the guest hangs", p.target())
		found.Fix = Fix{
			Command: fmt.Sprintf("osssh -p %d %s", port, terminal.Quote(f.Name)),
			Words:   fmt.Sprintf("if sshd listens on %d, not on %d", port, p.Candidate.Inside.Port()),
		}
	}
	return found
}

// banner is what a probe's server said in place of an SSH identification, nil
// where it said one or nothing in time.
func (f *Facts) badBanner() (*Probe, *connect.BannerError) {
	var banner *connect.BannerError
	if p := f.foremost(); p != nil && p.Failed != nil && errors.As(p.Failed.Err, &banner) {
		return p, banner
	}
	return nil, nil
}

// What sshd writes in place of a banner (sshd.c, drop_connection).
const (
	penaltyText     = "Not allowed at this time"
	maxStartupsText = "Exceeded MaxStartups"
)

func findClosed(f *Facts) *Finding {
	found := &Finding{Confidence: Probable, Fix: Fix{Words: "lift the ban by the guest's console (fail2ban-client unban, /etc/hosts.deny), or come from another address"}}
	if f.Nova.Server != nil {
		found.Fix.Command = "openstack console url show " + f.Nova.Server.ID
	}
	p, banner := f.badBanner()
	if banner == nil {
		if p = f.foremost(); p != nil && p.reset() {
			banner = &connect.BannerError{Err: p.Failed.Err}
		}
	}
	switch {
	case banner != nil && strings.Contains(banner.Text, maxStartupsText):
		found.Confidence = Certain
		found.What = p.target() + " has too many logins under way (MaxStartups)"
		found.Evidence = []string{"it says " + quoted(banner.Text)}
		found.Fix = Fix{Command: "osssh " + terminal.Quote(f.Name), Words: "again in a minute"}
		return found
	case banner != nil && banner.Text == "" && banner.Version == "":
		found.What = p.target() + " hangs up before its banner: a ban (fail2ban, hosts.deny), or too many logins under way"
		found.Evidence = []string{"no byte came, then " + innermost(banner).Error()}
		return found
	}
	p = f.foremost()
	if p == nil || p.Failed == nil || p.Failed.Stage != connect.StageKeyExchange || p.stalled() || negotiation(p) != nil {
		return nil
	}
	found.What = p.target() + " hangs up in the key exchange, before any login"
	found.Evidence = []string{"after " + quoted(p.Version) + ": " + innermost(p.Failed.Err).Error()}
	return found
}

func findPenalty(f *Facts) *Finding {
	p, banner := f.badBanner()
	if banner == nil || !strings.Contains(banner.Text, penaltyText) {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       p.target() + " takes no login from here for a while: too many have failed",
		Evidence:   []string{"it says " + quoted(banner.Text)},
		Fix:        Fix{Command: "osssh " + terminal.Quote(f.Name), Words: "after at most 10 minutes; each further failure makes it longer"},
	}
}

func findNotSSH(f *Facts) *Finding {
	p, banner := f.badBanner()
	if banner == nil || banner.Text == "" && banner.Version == "" || strings.Contains(banner.Text, penaltyText) || strings.Contains(banner.Text, maxStartupsText) {
		return nil
	}
	found := &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("what listens at %s is no SSH server", p.target()),
		Evidence:   []string{"it says " + quoted(banner.Text)},
		Fix:        Fix{Words: "dial the port that sshd listens on: osssh -p PORT " + terminal.Quote(f.Name)},
	}
	if banner.Version != "" {
		found.What = fmt.Sprintf("%s speaks an SSH that is too old: %s", p.target(), quoted(banner.Version))
		found.Evidence = nil
		found.Fix = Fix{Words: "it needs an sshd that speaks SSH 2"}
		return found
	}
	if port := f.anotherPort(p); port != 0 {
		found.Fix = Fix{Command: fmt.Sprintf("osssh -p %d %s", port, terminal.Quote(f.Name)), Words: "or the port that sshd listens on"}
	}
	return found
}

// negotiation is why a probe found no common algorithm, nil where it did.
func negotiation(p *Probe) *ssh.AlgorithmNegotiationError {
	var none *ssh.AlgorithmNegotiationError
	if p.Failed != nil && errors.As(p.Failed.Err, &none) {
		return none
	}
	return nil
}

func findNoCommonAlgorithm(f *Facts) *Finding {
	p := f.foremost()
	if p == nil {
		return nil
	}
	none := negotiation(p)
	if none == nil {
		return nil
	}
	offered := algorithms(none.RequestedAlgorithms)
	found := &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("%s and osssh have no %s in common; it has %s", p.target(), none.What, few(offered)),
		Evidence: []string{
			"it offers " + few(offered), "osssh offers " + few(none.SupportedAlgorithms), "it is " + quoted(p.Version),
		},
		Fix: Fix{Words: "a newer sshd"},
	}
	if none.What != "host key" {
		if option := optionFor(none.What); option != "" && len(offered) > 0 {
			found.Fix = Fix{Command: p.plainSSH(f.Way.Login.User, f.switchedOn(option, offered[0])...), Words: "where OpenSSH still has it; better, a newer sshd"}
		}
		return found
	}
	known := f.Way.HostKeys.Types
	switch usable := usableHostKeys(offered); {
	case len(usable) > 0 && len(known) > 0:
		found.What = fmt.Sprintf("%s shows no host key of a kind that is known of %s (%s); it has %s", p.target(), f.serverName(), few(known), few(usable))
		found.Fix = Fix{Words: "compare with what its console shows, then take the old key out of known_hosts"}
		if f.Nova.Server != nil {
			found.Fix.Command = "openstack console log show " + f.Nova.Server.ID
		}
	case slices.Contains(offered, ssh.KeyAlgoRSA):
		found.Fix = Fix{Command: "osssh -o HostKeyAlgorithms=+ssh-rsa " + terminal.Quote(f.Name), Words: "or a newer sshd"}
	}
	return found
}

// algorithms are those of a server's list; the rest announces extensions (RFC 8308
// section 2.1; OpenSSH's PROTOCOL, 1.10).
func algorithms(offered []string) []string {
	return slices.DeleteFunc(slices.Clone(offered), func(name string) bool {
		return strings.HasPrefix(name, "ext-info-") || strings.HasPrefix(name, "kex-strict-")
	})
}

// optionFor is the option of ssh that switches on a kind of algorithm, "" where
// there is none.
func optionFor(kind string) string {
	switch {
	case kind == "key exchange":
		return "KexAlgorithms"
	case strings.HasSuffix(kind, "cipher"):
		return "Ciphers"
	case strings.HasSuffix(kind, "MAC"):
		return "MACs"
	}
	return ""
}

// switchedOn are the flags by which ssh uses an algorithm of the server's and the
// right key.
func (f *Facts) switchedOn(option, algorithm string) []string {
	flags := []string{"-o", terminal.Quote(option + "=+" + algorithm)}
	if id := f.fitting(); id != nil && id.File != nil {
		flags = append(flags, "-i", terminal.Quote(id.File.Path))
	}
	return flags
}

// usableHostKeys are those of a server's algorithms that osssh takes by default.
func usableHostKeys(offered []string) []string {
	return slices.DeleteFunc(slices.Clone(offered), func(name string) bool {
		return !slices.Contains([]string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512,
		}, name)
	})
}

// few is a list that a peer sent, in short.
func few(names []string) string {
	const most = 6
	if len(names) == 0 {
		return "none"
	}
	rest := ""
	if len(names) > most {
		names, rest = names[:most], " …"
	}
	return strings.Join(names, ", ") + rest
}

// serverName is the server's name, or what was typed for it.
func (f *Facts) serverName() string {
	if f.Nova.Server != nil {
		return f.Nova.Server.Name
	}
	return f.Name
}
