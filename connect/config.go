package connect

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// DefaultTimeout holds for ConnectTimeout and HandshakeTimeout where they are
// zero.
const DefaultTimeout = 15 * time.Second

// Candidate is one address that may lead to the server.
type Candidate struct {
	Address netip.AddrPort
	Label   string // what the caller calls it, "floating 192.0.2.1": only handed back

	// Dial, if set, makes the connection in place of TCP: by a proxy command, or
	// through another host. It takes its own time: ConnectTimeout is not its
	// limit. Its context ends with the connecting, not with the connection.
	Dial func(ctx context.Context) (net.Conn, error)
}

// String is the address with its port.
func (c Candidate) String() string { return c.Address.String() }

// Config says how to log in. Callbacks are called one at a time, and never
// after Dial has returned, but for one that was still running when Dial's
// context ended: it is left behind, and should end by its context too.
type Config struct {
	User string

	// Signers gives the keys to try, in order. It is asked at most once, when
	// the server has said that publickey may go on. All of them go into one
	// method: x/crypto tries each method name once.
	Signers func(ctx context.Context) ([]ssh.Signer, error)

	// HostKey accepts a host key by returning nil. It is asked at most once a
	// connection, after the server has proved that it holds the key; a key
	// exchange later on must show the same key. While it runs no other
	// candidate may ask. An error refuses this candidate and leaves the others
	// in the race, unless it is ErrStop.
	HostKey func(ctx context.Context, c Candidate, key ssh.PublicKey) error

	// HostKeyAlgorithms are offered in this order; nil means ed25519, ecdsa,
	// RSA with SHA-2. Offer only the types of known keys if there are any:
	// another type would be an unknown key.
	HostKeyAlgorithms []string

	// Gate, if set, is called once, for the winner, when its host key is
	// accepted. Until it returns nothing about the user leaves this machine.
	// An error ends the Dial.
	Gate func(ctx context.Context) error

	// Banner gets each authentication banner (RFC 4252 section 5.4), raw.
	Banner func(text string) error

	ConnectTimeout   time.Duration // of TCP, for each candidate; 0: DefaultTimeout
	HandshakeTimeout time.Duration // from TCP to login; stands still while a callback runs; 0: DefaultTimeout

	// Trace, if set, is told of each step.
	Trace func(Event)

	// ClientVersion is the identification string, "SSH-2.0-name_version"
	// (RFC 4253 section 4.2), without line end. "": x/crypto's own.
	ClientVersion string
}

// withDefaults fills what the caller left open.
func (cfg Config) withDefaults() Config {
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = DefaultTimeout
	}
	if cfg.HandshakeTimeout <= 0 {
		cfg.HandshakeTimeout = DefaultTimeout
	}
	if len(cfg.HostKeyAlgorithms) == 0 {
		cfg.HostKeyAlgorithms = defaultHostKeyAlgorithms()
	}
	return cfg
}

// defaultHostKeyAlgorithms is OpenSSH's order of taste without certificates,
// which only count where a CA is known, and without SHA-1.
func defaultHostKeyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// transportAlgorithms is what x/crypto counts as secure, less SHA-1 and the
// slow groups that it does not offer by itself.
func transportAlgorithms() ssh.Config {
	all := ssh.SupportedAlgorithms()
	drop := func(names []string, unwanted ...string) []string {
		return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(unwanted, n) })
	}
	return ssh.Config{
		KeyExchanges: all.KeyExchanges,
		Ciphers:      all.Ciphers,
		MACs:         drop(all.MACs, ssh.HMACSHA1),
	}
}
