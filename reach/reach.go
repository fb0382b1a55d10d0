// Package reach is the way in: from a name to a Plan that can be dialled. It
// joins what the APIs, the security groups, the keys here and the host keys say,
// and it alone turns that into options of package connect.
package reach

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/sshconfig"
)

// Config is what this package is given by the edge: clients, files, and the
// questions that only a person can answer.
type Config struct {
	Cloud *openstack.Cloud
	// Client authenticates, and gives the same client ever after. Unless mayAsk,
	// it does not ask the user for what the configuration lacks: that is an
	// *openstack.MissingSecretError.
	Client     func(ctx context.Context, mayAsk bool) (*openstack.Client, error)
	Local      resolve.Local
	Source     netip.Addr // this machine as the servers see it; zero: not known
	KnownHosts string     // the file that host keys are remembered in
	Memory     *Memory    // nil: nothing is remembered of addresses
	Keys       keystore.Search
	Agent      func(socket string) agent.ExtendedAgent // for ssh_config's IdentityAgent; nil where none answers
	Shell      sshconfig.Shell                         // that runs a ProxyCommand
	LocalUser  string
	ReadOnly   bool // no host key is written down; Memory is not to be given then
	// SettingsOf evaluates the user's ssh_config for another name than the
	// request's: a jump host, or each server of a Survey,
	// several of those at once.
	SettingsOf func(context.Context, sshconfig.JumpHost) (*sshconfig.Settings, error)
	Version    string // "SSH-2.0-…"

	// ChooseServer picks among servers of one name; nil: that is an error.
	ChooseServer func(context.Context, *resolve.AmbiguousError) (openstack.Server, error)
	// StartServer asks whether a server that is down may be started by an action;
	// nil: it may not, unless the request says so.
	StartServer func(context.Context, openstack.Server, openstack.PowerAction) (bool, error)
	// Passphrase asks for the passphrase of a key that the server takes.
	Passphrase func(context.Context, keystore.Prompt) ([]byte, error)
	// ProtectKey asks whether a key file may be made private to its owner, and
	// does it.
	ProtectKey func(context.Context, *keystore.File) (bool, error)
	// AcceptHostKey asks whether a host key that nothing vouches for is the server's.
	AcceptHostKey func(context.Context, HostKeyQuestion) (bool, error)
	// Banner shows what a server says before the login, raw.
	Banner func(string) error
	// Notify is told what the user should know though the login goes on.
	Notify func(Note)
	// Trace is told of each step of a connection.
	Trace func(connect.Event)
	// Stage is told what is being waited for.
	Stage func(string)
}

func (c *Config) note(n Note) {
	if c.Notify != nil {
		c.Notify(n)
	}
}

func (c *Config) stage(s string) {
	if c.Stage != nil {
		c.Stage(s)
	}
}

// Request is what the user asks for.
type Request struct {
	Name       string
	User       string         // "": as the server's records say
	Port       int            // 0: the server's own, else 22
	Choice     resolve.Choice // zero: the best address
	Family     int            // 4, 6, or 0 for both
	Identities []string       // key files that the user named
	NoJump     bool           // no jump host is looked for
	// Wait is how long a server that is building or booting is waited for; 0: not
	// at all. Start has a server that is down started.
	Wait  time.Duration
	Start bool
	// Settings are what the user's ssh_config says for the name; required.
	Settings *sshconfig.Settings

	through  dialFunc      // the hosts on the way are logged in to already
	trail    []string      // the names that lead here
	patience time.Duration // of connecting, at most; 0: as ssh_config has it
	silence  time.Duration // of TCP, at most; 0: as patience
	spent    string        // id of a jump host that has just led nowhere; "": none has
}

// NoteKind is a kind of Note.
type NoteKind int

// What a Note tells.
const (
	HostKeyReplaced      NoteKind = iota // Key replaces another, on the console's word
	HostKeyAdded                         // Key of the host What is accepted unasked, as StrictHostKeyChecking has it
	HostKeyNotRemembered                 // Err: the file could not be written for the host What
	NotConfirmed                         // the session opens though the API has not confirmed the name; Err, if it said so
	NotChecked                           // What could not be asked, Err says why
	KeyPassedOver                        // the file What matches but others can read it
	KnownHostsProblem                    // Err: a line or a file of known_hosts that does not count
	NotCached                            // Err: the memory could not be written
	Jumped                               // the login goes through the server What, unasked
	ServerStarted                        // nova is about to be asked to bring Server back
)

// Note is something worth a line while the login goes on.
type Note struct {
	Kind   NoteKind
	Server openstack.Server
	Key    ssh.PublicKey
	What   string
	Err    error
}
