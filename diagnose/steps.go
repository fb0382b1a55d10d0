package diagnose

import (
	"fmt"
	"slices"
	"time"

	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

// Mark is how a step on the path went.
type Mark int

// The marks.
const (
	NotReached Mark = iota // –
	Passed                 // ✓
	Unsure                 // ?
	Failed                 // ✗
)

// Step is one station of the path from here to the shell.
type Step struct {
	Name string // "you", "floating IP", "router", "security group", "instance", "sshd", "key" …
	What string // names and addresses
	Mark Mark
	Note string // what is wrong, in short
}

// steps draws the path as far as the facts know it. As long as more is being
// asked it ends before the first step that is not passed: what was given once
// stays as it is.
func steps(f *Facts) []Step {
	d := drawing{Facts: f, found: map[string]Finding{}}
	for _, cause := range Catalogue() {
		if station := stationOf(cause); station != "" {
			d.keep(station, cause)
		}
	}
	if early := d.early(); early != nil {
		return early
	}
	if f.Nova.Server == nil || f.Phase < Addressed {
		return nil
	}
	all := d.whole()
	if f.Phase < Probed {
		all = all[:unsettled(all)]
	}
	return all
}

// unsettled is how many steps are passed for good.
func unsettled(all []Step) int {
	if i := slices.IndexFunc(all, func(s Step) bool { return s.Mark != Passed }); i >= 0 {
		return i
	}
	return len(all)
}

// stationOf is the step at which a cause shows.
func stationOf(c Cause) string {
	switch c.ID {
	case "P1", "P2", "P3", "P5":
		return "router"
	case "P4":
		return "address"
	case "P12", "X5":
		return "sshd"
	case "P14":
		return "firewall group"
	case "P15":
		return "you"
	}
	return [...]string{
		Local: "cloud", Cloud: "cloud", Name: "name", Address: "address", Path: "port", Group: "security group",
		State: "instance", Boot: "boot", Transport: "sshd", HostKey: "host key", User: "key", Session: "login",
	}[c.Layer]
}

// drawing is one path being drawn.
type drawing struct {
	*Facts
	found map[string]Finding // by station: the surest
	way   way
	open  Layer // up to which the wire has shown the way to be open
}

// keep notes what a cause finds, if it is the surest of its station.
func (d *drawing) keep(station string, cause Cause) {
	found := cause.Find(d.Facts)
	if found == nil || !found.ByWire && refuted(cause, d.furthest()) {
		return
	}
	if have, ok := d.found[station]; !ok || found.Confidence > have.Confidence {
		found.Cause = cause
		d.found[station] = *found
	}
}

// mark judges a station by what was found there. What is only possible is no
// more than a doubt.
func (d *drawing) mark(s Step) Step {
	found, ok := d.found[s.Name]
	if !ok {
		return s
	}
	s.Note = found.What
	s.Mark = Failed
	if found.Confidence < Certain {
		s.Mark = Unsure
	}
	return s
}

// early is the path where the way ends before any server is found; nil where it
// does not.
func (d *drawing) early() []Step {
	end := func(name, what string, err error) []Step {
		s := d.mark(Step{Name: name, What: what})
		if s.Note == "" {
			s.Note = err.Error()
		}
		s.Mark = Failed
		return []Step{s, {Name: "instance", What: "not reached"}, {Name: "sshd", What: "not reached"}}
	}
	switch err := d.Setup.Err; {
	case err != nil:
		return end("cloud", d.Setup.Cloud, err)
	case d.Setup.SignIn != nil:
		return end("cloud", d.Setup.Cloud, d.Setup.SignIn)
	case d.Nova.Lookup != nil && d.found["name"].What == "" && d.found["cloud"].What != "":
		return end("cloud", d.Setup.Cloud, d.Nova.Lookup)
	case d.Nova.Lookup != nil && d.found["name"].What == "" && d.found["address"].What != "":
		return end("address", d.Name, d.Nova.Lookup)
	case d.Nova.Lookup != nil:
		return end("name", d.Name, d.Nova.Lookup)
	}
	return nil
}

// whole is the path to a server that was found.
func (d *drawing) whole() []Step {
	d.way, d.open = d.mainWay(), d.furthest()
	var all []Step
	for _, part := range []func() []Step{
		d.you, d.address, d.router, d.portAndNetwork, d.group, d.firewall, d.instance, d.jumpHost, d.boot, d.sshd, d.hostKey, d.key, d.login,
	} {
		all = append(all, part()...)
	}
	return all
}

// mainWay is the way that is drawn: that of the probe that came furthest, else
// the best one. A jump host that was used because the direct way is silent
// stands on the direct way.
func (d *drawing) mainWay() way {
	ways := d.ways()
	if p := d.foremost(); p != nil && p.progress() > 0 && p.Through == "" {
		if w := find(ways, func(w way) bool { return w.candidate.Address == p.Candidate.Address && w.jump == nil }); w != nil {
			return *w
		}
	}
	if len(ways) == 0 {
		return way{}
	}
	return ways[0]
}

// passed marks a station that lies before what the wire has reached, whatever
// the APIs say of it.
func (d *drawing) passed(layer Layer) bool { return layer < d.open }

func (d *drawing) you() []Step {
	s := Step{Name: "you", What: "this machine", Mark: Passed}
	if v := d.way.verdict; v != nil && v.Source.IsValid() && d.way.jump == nil {
		s.What = v.Source.String()
	}
	if address := d.way.candidate.Address.Addr(); address.IsValid() && d.way.jump == nil && d.Setup.Local.OnLinkWith(address) {
		s.What += ", on-link"
	}
	return []Step{d.mark(s)}
}

func (d *drawing) address() []Step {
	w := d.way
	c := w.candidate
	s := Step{Name: "address", Mark: Passed}
	switch {
	case w.jump != nil:
		return nil // the jump host's step tells it
	case d.Way.Proxied:
		s.Name = "jump host"
		s.What = "as prescribed"
		if p := find(d.Probes, func(p Probe) bool { return p.Through != "" }); p != nil {
			s.What = p.Through
		}
		if d.Way.ProxyErr != nil {
			s.Mark, s.Note = Failed, d.Way.ProxyErr.Error()
		}
		return []Step{s}
	case !c.Address.IsValid():
		s.What, s.Note = "none", "no address can be reached from here"
		s = d.mark(s)
		s.Mark = Failed
		return []Step{s}
	case c.Kind == resolve.KindFloating && w.port != nil:
		s.What = fmt.Sprintf("%s → port %s (%s)", c.Address.Addr(), short(c.PortID), c.Inside.Addr())
	case c.Kind == resolve.KindForwarding:
		s.What = fmt.Sprintf("%s → %s", c.Address, c.Inside)
	case c.Network != "":
		s.What = fmt.Sprintf("%s on %s", c.Address.Addr(), c.Network)
	default:
		s.What = c.Address.Addr().String()
	}
	if !d.passed(Address) {
		s = d.mark(s)
	}
	s.Name = kindWords(c.Kind)
	return []Step{s}
}

func kindWords(k resolve.Kind) string {
	switch k {
	case resolve.KindFloating:
		return "floating IP"
	case resolve.KindForwarding:
		return "port forwarding"
	}
	return "address"
}

// router is a step only where one leads to the server, or lacks.
func (d *drawing) router() []Step {
	routers := d.routers(d.way)
	s := Step{Name: "router", What: "none", Mark: Passed}
	if len(routers) > 0 {
		s.What = nameOf(routers[0].Name, routers[0].ID) + ", no gateway"
		if gateway := routers[0].Gateway; gateway != nil {
			s.What = nameOf(routers[0].Name, routers[0].ID) + ", gateway on " + d.networkName(gateway.NetworkID)
		}
	}
	if !d.passed(Path) {
		s = d.mark(s)
	}
	if len(routers) == 0 && s.Mark == Passed || d.way.floating == nil && d.found["router"].What == "" {
		return nil
	}
	return []Step{s}
}

func (d *drawing) networkName(id string) string {
	if network, ok := d.Neutron.Ways.Networks[id]; ok {
		return nameOf(network.Name, id)
	}
	if network := find(d.Neutron.External, func(n openstack.Network) bool { return n.ID == id }); network != nil {
		return nameOf(network.Name, id)
	}
	return short(id)
}

// portAndNetwork is a step only where something is wrong there.
func (d *drawing) portAndNetwork() []Step {
	if _, wrong := d.found["port"]; !wrong || d.way.port == nil || d.passed(Path) {
		return nil
	}
	return []Step{d.mark(Step{Name: "port", What: fmt.Sprintf("%s on %s", short(d.way.port.ID), d.networkName(d.way.port.NetworkID))})}
}

func (d *drawing) group() []Step {
	if d.way.port == nil || d.Way.Proxied {
		return nil
	}
	s := Step{Name: "security group", What: d.groupNames(*d.way.port), Mark: Passed}
	if s.What == "" {
		s.What = "none"
	}
	v := d.way.verdict
	switch {
	case v == nil && d.Phase >= Addressed, v != nil && v.Err != nil:
		s.Mark, s.Note = Unsure, "could not be read"
	case v == nil:
		s.Mark = NotReached
	case v.Rules.Answer == secgroup.Allow && v.Rules.Rule == nil:
		s.What = unfilteredWords(v.Rules.Reason)
	case v.Rules.Answer != secgroup.Allow:
		s.Mark, s.Note = Unsure, d.groupNote()
		if v.Rules.Answer == secgroup.Deny {
			s.Mark = Failed
		}
	}
	if !d.passed(Group) || s.Mark == Passed {
		return []Step{s}
	}
	disagree := s.Mark == Failed
	s.Mark = Passed
	switch {
	case disagree && d.jumped() != nil:
		s.Note = "for " + d.jumped().Server.Name + "; for you: " + s.Note
	case disagree:
		s.Note = "though its rules say: " + s.Note
	default:
		s.Note = ""
	}
	return []Step{s}
}

// unfilteredWords say why no rule counts on a port.
func unfilteredWords(r secgroup.Reason) string {
	switch r {
	case secgroup.PortSecurityDisabled:
		return "none: port security is off"
	case secgroup.NoExtension:
		return "none: the network has no security groups"
	}
	return "none: such a port is not filtered"
}

// groupNote is in a few words what the rules have against the way.
func (d *drawing) groupNote() string {
	r := d.groupRuling()
	port := d.way.candidate.Inside.Port()
	if r.candidate.Address != d.way.candidate.Address {
		return ""
	}
	switch r.id {
	case "G1":
		return "no group, so nothing is let in"
	case "G2":
		return fmt.Sprintf("no rule for tcp/%d", port)
	case "G3", "G6":
		return fmt.Sprintf("tcp/%d only from %s", port, d.froms(r.rules))
	case "G4":
		return fmt.Sprintf("tcp/%d only over the other address family", port)
	case "G5":
		return fmt.Sprintf("no rule for tcp/%d, but for %s", port, d.admitsWords(r.rules[0].Admits()))
	case "G7":
		return fmt.Sprintf("%s would admit it, and is not on this port", r.rules[0].GroupName)
	case "G8":
		return "stateless, and no egress rule for the replies"
	case "G10":
		return "not all of it may be read"
	}
	return ""
}

func (d *drawing) firewall() []Step {
	if _, there := d.found["firewall group"]; !there || d.passed(Path) {
		return nil
	}
	return []Step{d.mark(Step{Name: "firewall group", What: d.Neutron.FirewallGroups[0].Name})}
}

func (d *drawing) instance() []Step {
	server := d.Nova.Server
	s := Step{Name: "instance", What: server.Name + ", " + server.Status, Mark: Passed}
	if since := d.since(); server.Status == "ACTIVE" && !since.IsZero() {
		s.What += ", running " + lasting(d.now().Sub(since))
	}
	return []Step{d.mark(s)}
}

// lasting is a duration in one unit: "3 days", "1 hour".
func lasting(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := d / unit.length; {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "less than a minute"
}

// jumped is the jump host that stands on the direct way, or in its place; nil
// where none is used.
func (d *drawing) jumped() *reach.Jump {
	if p := d.foremost(); d.Way.Jump != nil && (p == nil || p.Through != "") {
		return d.Way.Jump
	}
	return nil
}

func (d *drawing) jumpHost() []Step {
	jump := d.jumped()
	if jump == nil || d.Way.Proxied {
		return nil
	}
	s := Step{Name: "jump host", What: fmt.Sprintf("%s (%s) → %s", jump.Server.Name, jump.From, jump.To), Mark: Passed}
	if d.way.jump == nil {
		s.Note = fmt.Sprintf("%s is silent", d.way.candidate.Address.Addr())
	}
	return []Step{s}
}
