package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/reach"
)

// resolveSchema names the form of resolveAnswer; docs/resolve.schema.json describes it.
const resolveSchema = "osssh.resolve/1"

// resolveAnswer is what osssh resolve tells. What is not known is nil.
type resolveAnswer struct {
	Schema     string             `json:"schema"`
	Cloud      string             `json:"cloud"`
	Server     resolveServer      `json:"server"`
	User       string             `json:"user"`
	UserSource string             `json:"user_source"`
	UserGuess  bool               `json:"user_guess"`
	Keypair    *string            `json:"keypair"`
	Key        *string            `json:"key"`
	Keys       []resolveKey       `json:"keys"`
	Jump       *string            `json:"jump"`
	JumpKind   *string            `json:"jump_kind"`
	JumpReason *string            `json:"jump_reason"`
	Jumps      []resolveJump      `json:"jumps"`
	Candidates []resolveCandidate `json:"candidates"`
	Ports      []resolvePort      `json:"ports"`
	HostKeys   []resolveHostKey   `json:"host_keys"`
	Problems   []resolveProblem   `json:"problems"`
}

type resolveServer struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// resolveKey is a private key here that a login may offer.
type resolveKey struct {
	Key    string  `json:"key"`
	SHA256 *string `json:"sha256"`
	Match  string  `json:"match"`
}

// resolveJudged is what the rules of a port say.
type resolveJudged struct {
	Verdict string  `json:"verdict"`
	Source  *string `json:"source"`
	Rule    *string `json:"rule"`
	Reason  string  `json:"reason"`
}

type resolveCandidate struct {
	Rank    int     `json:"rank"`
	Address string  `json:"address"`
	Port    int     `json:"port"`
	Kind    *string `json:"kind"`
	Why     string  `json:"why"`
	Network *string `json:"network"`
	PortID  *string `json:"port_id"`
	Inside  *string `json:"inside"`
	Dialled bool    `json:"dialled"`
	resolveJudged
}

// resolveJump is a server that a login may go through; the judgement is that of
// the target's port.
type resolveJump struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Port    int    `json:"port"`
	Kind    string `json:"kind"`
	Inside  string `json:"inside"`
	Joined  bool   `json:"joined"`
	resolveJudged
}

type resolvePort struct {
	ID             string   `json:"id"`
	Network        string   `json:"network"`
	Addresses      []string `json:"addresses"`
	SecurityGroups []string `json:"security_groups"`
}

type resolveHostKey struct {
	SHA256    string  `json:"sha256"`
	Type      *string `json:"type"`
	Source    string  `json:"source"`
	Authority bool    `json:"authority"`
}

type resolveProblem struct {
	What string   `json:"what"`
	More []string `json:"more"`
	Hint *string  `json:"hint"`
}

func (r resolution) answer(args *sshArgs) *resolveAnswer {
	plan := r.plan
	a := &resolveAnswer{
		Schema: resolveSchema, Cloud: r.cloud.Name,
		Server: resolveServer{ID: plan.Server.ID, Name: plan.Server.Name, Status: plan.Server.Status},
		User:   plan.Login.User, UserSource: r.userSource(args), UserGuess: plan.Login.Guess,
		Keypair: optional(plan.Server.KeyName), Keys: []resolveKey{}, Jumps: []resolveJump{},
		Candidates: []resolveCandidate{}, Ports: r.ports(), HostKeys: hostKeysOf(plan.HostKeys()), Problems: []resolveProblem{},
	}
	for _, id := range plan.Keys.Identities {
		a.Keys = append(a.Keys, resolveKey{Key: identityPlace(id), SHA256: optional(fingerprintOf(id.Public)), Match: howWords(id.How)})
	}
	if len(a.Keys) > 0 {
		a.Key = &a.Keys[0].Key
	}
	jump, kind, reason := r.jump()
	a.Jump, a.JumpKind, a.JumpReason = optional(jump), optional(kind), optional(reason)
	for _, j := range r.jumps {
		a.Jumps = append(a.Jumps, resolveJump{
			ID: j.Server.ID, Name: j.Server.Name, Address: j.Candidate.Address.Addr().String(), Port: int(j.Candidate.Address.Port()),
			Kind: string(j.Candidate.Kind), Inside: j.To.String(), Joined: j.Joined, resolveJudged: judged(jumpVerdict(j)),
		})
	}
	for i, v := range r.verdicts {
		a.Candidates = append(a.Candidates, r.candidate(i, v))
	}
	for _, problem := range r.problems() {
		w := explain(problem)
		a.Problems = append(a.Problems, resolveProblem{What: w.what, More: append([]string{}, w.more...), Hint: optional(w.hint)})
	}
	return a
}

// candidate is the i-th one. By a proxy only the best is dialled.
func (r resolution) candidate(i int, v reach.Verdict) resolveCandidate {
	c := v.Candidate
	inside := ""
	if c.Inside.IsValid() {
		inside = c.Inside.String()
	}
	return resolveCandidate{
		Rank: i + 1, Address: r.plan.Host(c), Port: int(c.Address.Port()), Kind: optional(string(c.Kind)), Why: c.Why.String(),
		Network: optional(c.Network), PortID: optional(c.PortID), Inside: optional(inside),
		Dialled: !r.plan.PassesOver(c) && (i == 0 || !r.plan.Proxied()), resolveJudged: judged(v),
	}
}

func judged(v reach.Verdict) resolveJudged {
	j := resolveJudged{Verdict: v.Rules.Answer.String(), Source: optional(addressText(v.Source)), Reason: reasonWords(v)}
	if v.Rules.Rule != nil {
		j.Rule = &v.Rules.Rule.ID
	}
	return j
}

func addressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// ports are the server's, as far as neutron tells of them.
func (r resolution) ports() []resolvePort {
	ports := []resolvePort{}
	ways, err := r.plan.Ways()
	if err != nil {
		return ports
	}
	groups, _ := r.plan.Groups() // their ids are known without
	for _, port := range ways.Ports {
		told := resolvePort{
			ID: port.ID, Network: cmp.Or(ways.Networks[port.NetworkID].Name, port.NetworkID),
			Addresses: []string{}, SecurityGroups: groupNames(port, groups),
		}
		for _, ip := range port.FixedIPs {
			told.Addresses = append(told.Addresses, ip.IPAddress.String())
		}
		ports = append(ports, told)
	}
	slices.SortFunc(ports, func(a, b resolvePort) int {
		return cmp.Or(strings.Compare(a.Network, b.Network), strings.Compare(a.ID, b.ID))
	})
	return ports
}

// groupNames are the names of a port's groups, the id of one that may not be read.
func groupNames(port openstack.Port, groups []openstack.SecurityGroup) []string {
	names := slices.Clone(port.SecurityGroups)
	for i, id := range names {
		for _, g := range groups {
			if g.ID == id {
				names[i] = g.Name
			}
		}
	}
	slices.Sort(names)
	return append([]string{}, names...)
}

// consoleSource is who vouches for a host key that this boot printed.
const consoleSource = "console"

func hostKeysOf(known reach.KnownHostKeys) []resolveHostKey {
	keys := []resolveHostKey{}
	for _, k := range known.Keys {
		source := consoleSource
		if k.Path != "" {
			source = fmt.Sprintf("%s:%d", k.Path, k.Line)
		}
		keys = append(keys, resolveHostKey{SHA256: k.Fingerprint, Type: optional(k.Type), Source: source})
	}
	for _, line := range known.Authorities {
		keys = append(keys, resolveHostKey{
			SHA256: fingerprintOf(line.Key), Type: optional(line.Key.Type()), Source: fmt.Sprintf("%s:%d", line.Path, line.Number), Authority: true,
		})
	}
	return keys
}
