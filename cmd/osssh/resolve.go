package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"osssh/internal/terminal"
	"osssh/reach"
)

const resolveHelp = `Tells where a login would go and why: the server, its ports, the addresses in
the order in which they are tried, each with what the security groups say of it,
the jump host if one is needed, the user, the key and the host keys. It changes
nothing and connects to nothing but the APIs.

` + exploringFlags + `
--source ADDRESS is this machine as instances see it, --json one JSON object
(docs/resolve.schema.json).

In a pipe: tab-separated lines, the first word says what of:
   server     name, status, id
   cloud      its name in clouds.yaml
   user       name, what names it
   keypair    name
   key        file or "agent", fingerprint, how it matches; a line for each
   port       id, network, fixed addresses, security groups
   candidate  rank, address, port, kind, why, verdict, source, reason, dialled
   jump       host, kind, reason
   hostkey    fingerprint, type, who vouches for it
   problem    what a login would fail for, what to type
Exit status 0 if the server was found, whatever it lacks.

Examples:
   osssh resolve web
   osssh resolve web --source 198.51.100.7
   osssh resolve web --json | jq -r '.candidates[0].address'`

func resolveCommand(p *process) *cli.Command {
	asJSON := false
	return &cli.Command{
		Name:            "resolve",
		Usage:           "tell where a login to an instance would go, and why",
		UsageText:       "osssh resolve [flags of ssh] [user@]NAME [--source ADDRESS] [--json]",
		Description:     resolveHelp,
		SkipFlagParsing: true,
		Action: p.exploring(ownFlags{toggles: map[string]*bool{"json": &asJSON}}, func(args *sshArgs) error {
			return p.resolve(args, asJSON)
		}),
	}
}

func (p *process) resolve(args *sshArgs, asJSON bool) error {
	x, err := p.explore(args)
	if err != nil {
		return err
	}
	p.ui.stage("asking what the security groups say of " + x.plan.Server.Name)
	r := resolution{explored: x, verdicts: x.plan.Verdicts(p.ctx)}
	r.jumps, r.noJump = x.plan.Detour(p.ctx, r.verdicts)
	if err := p.ctx.Err(); err != nil {
		return err
	}
	answer := r.answer(args)
	p.ui.progress.Stop()
	switch {
	case asJSON:
		return json.NewEncoder(p.stdout).Encode(answer)
	case terminal.IsTerminal(p.stdout):
		return answer.fields().WriteText(p.stdout)
	}
	return answer.fields().WriteTSV(p.stdout)
}

// resolution is all that is known of the way to a server.
type resolution struct {
	*explored
	verdicts []reach.Verdict // of each candidate
	jumps    []reach.Jump
	noJump   error // why there is none though one is needed, a *reach.NoJumpError
}

// problems are what a login would fail for. Where a jump host leads there,
// having no address of its own is none.
func (r resolution) problems() []error {
	var all []error
	nowhere := r.plan.Nowhere()
	for _, problem := range r.plan.Problems {
		var noAddress *reach.NoAddressError
		if !errors.As(problem, &noAddress) {
			all = append(all, problem)
		}
	}
	if nowhere != nil && len(r.jumps) == 0 && r.settings.HostName() == "" {
		all = append(all, nowhere)
	}
	if _, _, err := r.plan.Proxy(); err != nil {
		all = append(all, err)
	}
	return all
}

// userSource is where the user comes from.
func (r resolution) userSource(args *sshArgs) string {
	switch values := r.settings.Values("user"); {
	case args.user != "":
		return "command line"
	case len(values) > 0:
		return values[0].Origin.String()
	case r.plan.Login.Guess:
		return "nothing names one: root is tried, and told whom to log in as"
	}
	return r.plan.Login.From
}

// What a way can lead through: jump_kind of the answer.
const (
	jumpServer  = "server"
	jumpProxy   = "ProxyJump"
	jumpCommand = "ProxyCommand"
)

// jump gives what the way leads through, its kind, and why; what is not known
// is empty. What is wrong with ssh_config's is one of the problems.
func (r resolution) jump() (through, kind, reason string) {
	hops, command, err := r.plan.Proxy()
	switch {
	case err != nil:
		return "", "", ""
	case len(hops) > 0:
		value := r.settings.Values("proxyjump")[0]
		return value.Text, jumpProxy, value.Origin.String()
	case command != "":
		return command, jumpCommand, r.settings.Values("proxycommand")[0].Origin.String()
	case len(r.jumps) > 0:
		return r.jumps[0].Server.Name, jumpServer, jumpWords(r.jumps[0])
	case r.noJump != nil:
		return "", "", noJumpWords(r.noJump)
	}
	return "", "", ""
}

// jumpWords say why a server is a jump host.
func jumpWords(j reach.Jump) string {
	where := "on the same network"
	if j.Joined {
		where = "on a network that a router joins"
	}
	return fmt.Sprintf("%s, reached at %s (%s); from %s: %s",
		where, j.Candidate.Address, j.Candidate.Why, j.From, reasonWords(jumpVerdict(j)))
}

// jumpVerdict is what the target's rules say of a jump host.
func jumpVerdict(j reach.Jump) reach.Verdict {
	v := reach.Verdict{Source: j.From, Rules: j.Rules}
	v.Candidate.PortID, v.Candidate.Address, v.Candidate.Inside = j.PortID, j.To, j.To
	return v
}
