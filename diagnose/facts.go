package diagnose

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

// Facts is everything that was found out about the way to one server. What was
// not asked is zero; what could not be asked is a Gap.
type Facts struct {
	At    time.Time // when the asking began
	Name  string    // as typed
	User  string    // typed or from ssh_config; "": none
	Port  int       // typed or from ssh_config; 0: none
	Phase Phase     // how far the asking has come

	Setup   Setup
	Nova    Nova
	Neutron Neutron
	Way     Way
	Probes  []Probe // one for each candidate that was dialled, in their order
	Control []Control
	Gaps    []Gap
	Asked   []Asked
}

// Phase is how far the asking has come. A later phase knows all of the earlier.
type Phase int

// The phases.
const (
	Begun     Phase = iota
	SignedIn        // Setup is known
	Found           // Nova.Server or Nova.Lookup is known
	Addressed       // Neutron, Way.Candidates and Way.Verdicts are known
	Matched         // the keys and the console are known
	Probed          // all is known
)

// Setup is this machine, its configuration and the token.
type Setup struct {
	Err       error  // *openstack.NoCloudsError, *openstack.UnknownCloudError, *openstack.ConfigError …; nil: there is a configuration
	SSHConfig error  // why the user's ssh_config does not count (such as *sshconfig.PermissionError)
	SignIn    error  // keystone's refusal, or why it was not reached
	Cloud     string // its name in clouds.yaml
	Region    string
	Regions   []string // that clouds.yaml lists for it: no other can be asked for; none: any can
	Interface string
	AuthURL   string
	AuthType  openstack.AuthType
	Proxy     string // that the API calls go through; "": none
	Local     resolve.Local
	Clock     time.Duration // how far keystone's clock (its Date header) is ahead of this machine's
}

// Elsewhere is another project or region that has a server of the name.
type Elsewhere struct {
	Project string // "" where the project is the same
	Region  string // "" where the region is the same
	Server  openstack.Server
}

// Nova is what nova and glance tell.
type Nova struct {
	Lookup     error // *resolve.NotFoundError, *resolve.AmbiguousError, or the API's
	ListWorks  bool  // Lookup is a failure of /servers/detail, and /servers answers
	Elsewhere  []Elsewhere
	Server     *openstack.Server  // nil: not found
	UserID     string             // of the token
	Actions    []openstack.Action // newest first
	Image      openstack.Image
	Keypair    *openstack.Keypair
	KeypairErr error // resolve.ErrNoKeypair, 404 for another user's …
	Console    console.Log
	ConsoleErr error
	ConsoleLen int // bytes; 0 with no error: there is no serial console
}

// Neutron is what neutron tells.
type Neutron struct {
	Missing        error // why nothing of neutron could be asked: a *openstack.ServiceMissingError, 403 …; nil: it answers
	Ways           resolve.Ways
	Subnets        []openstack.Subnet  // of the server's networks
	External       []openstack.Network // that its floating IPs come from
	Routers        []openstack.Router  // with an interface on them
	SpareRouters   []openstack.Router  // the project's, where none has an interface on them
	RouterPorts    []openstack.Port    // those interfaces
	Groups         []openstack.SecurityGroup
	FreeIPs        []openstack.FloatingIP    // of the project, bound to nothing
	Owner          *AddressOwner             // of Name, where that is an address
	FirewallGroups []openstack.FirewallGroup // FWaaS v2, those that cover a port of the server or of its router
}

// AddressOwner is who has an address that was typed for a server.
type AddressOwner struct {
	Address  netip.Addr
	Floating *openstack.FloatingIP // nil: it is none of the project's
	Port     *openstack.Port       // that has it, or that the floating IP leads to; nil: none
	VIPOf    []openstack.Port      // whose allowed-address pairs hold it
}

// Way is how the server could be reached, and with what.
type Way struct {
	Candidates []resolve.Candidate // best first
	Verdicts   []reach.Verdict     // of each candidate
	Problems   []error             // as reach.Plan has them
	Jump       *reach.Jump         // that is used where no candidate is there; nil: none
	JumpErr    error               // *reach.NoJumpError, *reach.HopError; nil: none was looked for, or there is one
	Proxied    bool                // through ssh_config's ProxyJump or ProxyCommand, or -J
	ProxyErr   error               // why the hosts on that way do not let one through: *reach.HopError, *reach.JumpLoopError
	Batch      bool                // ssh_config's BatchMode: nobody is asked for a passphrase
	Login      resolve.Login
	Keys       keystore.Result
	HostKeys   reach.KnownHostKeys // that a login accepts unasked
	Stale      []StaleAddress      // that ssh_config or DNS has for the name, and the server has not
}

// StaleAddress is an address for a server's name that is not the server's.
type StaleAddress struct {
	Address netip.Addr
	DNS     bool // DNS has it, which a login does not ask; else ssh_config's HostName, which it follows
}

// Probe is what one candidate answered.
type Probe struct {
	Candidate resolve.Candidate
	Through   string        // a jump host's name; "": directly
	Took      time.Duration // until TCP answered or failed
	Version   string        // the identification string, raw; "": none came
	HostKey   ssh.PublicKey // nil: none was shown
	Ruling    reach.Ruling  // about HostKey; Ask: nothing vouches for it, a login asks the user
	KnownAs   []string      // other servers' aliases (reach.Alias) under which osssh's known_hosts has HostKey
	// PassedOver: a login does not dial it, for it could be another machine's and
	// no host key of the server is known to tell them apart. Failed is a
	// *StrangerError if it answers as far as that.
	PassedOver bool
	// Failed is how it ended, nil where the key exchange was done and the host
	// key accepted. Its Err holds the errno, a *connect.BannerError, the lists of
	// algorithms (*ssh.AlgorithmNegotiationError), a *reach.HostKeyRefusedError …
	Failed *connect.Attempt
	// SmallSegments is the outcome of a second connection with TCP segments of at
	// most 1200 bytes, after a key exchange that stalled: nil where none was made.
	SmallSegments *bool
	Logins        []LoginProbe
}

// Answered says whether TCP was answered, if only by a refusal.
func (p Probe) Answered() bool { return p.Connected() || p.Failed != nil && isRefused(p.Failed.Err) }

// Connected says whether TCP was established.
func (p Probe) Connected() bool { return p.Failed == nil || p.Failed.Stage > connect.StageDial }

// LoginProbe is how far one user came on a candidate whose host key was accepted.
type LoginProbe struct {
	User     string
	Offered  []ssh.PublicKey
	Accepted ssh.PublicKey // the server takes this key for the user; nil: none
	Signed   bool          // and the user was let in: the private half is at hand
	Methods  []string      // that the server lets try, raw
	Err      error         // *connect.AuthError, *keystore.PassphraseMissingError …; nil: let in, or only asked
	Banner   string        // raw
	LoginAs  string        // the user that root was told to be
	Exit     *int          // of the command `exit 0`; nil: it was not run, or nothing came back
	Output   string        // what came with it, raw, at most 4 KiB
	Silent   bool          // let in, and then nothing came
}

// StrangerError says that no login was tried: the server could be another one.
type StrangerError struct{ Candidate resolve.Candidate }

func (e *StrangerError) Error() string {
	return fmt.Sprintf("%s could be another machine", e.Candidate.Address)
}

// Control is a connection that tells this machine's network from the cloud.
type Control struct {
	What     string // "server web", "the cloud's API"
	Address  netip.AddrPort
	SamePath bool // behind the same router as the server
	Took     time.Duration
	Err      error // nil: it answered; a refusal is an answer too
}

// Gap is something that could not be asked.
type Gap struct {
	What string
	Err  error
}

// Asked is one question, for a report.
type Asked struct {
	What   string
	Source string // "nova", "neutron", "keystone", "glance", "console", "tcp", "ssh", "file"
	Took   time.Duration
	Err    error
}
