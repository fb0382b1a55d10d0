package reach

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
)

// NoKeyError says that no private key here opens the server.
type NoKeyError struct {
	Server  openstack.Server
	Keypair *openstack.Keypair // nil: it has none, or it may not be read
	Wanted  keystore.Wanted
	Result  keystore.Result
}

func (e *NoKeyError) Error() string {
	return fmt.Sprintf("no private key here matches keypair %q", e.Server.KeyName)
}

// scanKeys looks through the key files beside the API calls.
func scanKeys(ctx context.Context, c *Config, r Request) func() (*keystore.Index, error) {
	scan := sync.OnceValues(func() (*keystore.Index, error) {
		search, err := c.search(r)
		if err != nil {
			return nil, err
		}
		return keystore.Scan(ctx, search)
	})
	go scan()
	return scan
}

// findKey matches the keys here against the server's keypair.
func (p *Plan) findKey(scan func() (*keystore.Index, error)) error {
	index, err := scan()
	if err != nil {
		return err
	}
	keypair, err := p.facts.Keypair()
	if err != nil {
		keypair = nil
		if !errors.Is(err, resolve.ErrNoKeypair) {
			p.config.note(Note{Kind: NotChecked, Server: p.Server, What: "keypair", Err: err})
		}
	}
	wanted := WantedKey(p.Server, keypair, p.hostKeys.boot)
	if p.Keys = onlyNamed(p.request, index.Match(wanted)); len(p.Keys.Identities) == 0 {
		return &NoKeyError{Server: p.Server, Keypair: keypair, Wanted: wanted, Result: p.Keys}
	}
	return nil
}

// WantedKey is what is known of the key that the server takes.
func WantedKey(server openstack.Server, keypair *openstack.Keypair, boot console.Log) keystore.Wanted {
	wanted := keystore.Wanted{Name: server.KeyName}
	if keypair != nil {
		if key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(keypair.PublicKey)); err == nil {
			wanted.Public = key
		}
	}
	for _, key := range boot.AuthorizedKeys {
		if key.SHA256 != nil {
			wanted.SHA256 = append(wanted.SHA256, key.SHA256)
		}
		if key.MD5 != nil {
			wanted.MD5 = append(wanted.MD5, key.MD5)
		}
	}
	return wanted
}

// keyHere is the best key here for a server, without asking the server's
// console; nil where there is none. A key that the user named for another
// server counts only if it fits.
func keyHere(index *keystore.Index, server openstack.Server, keypair *openstack.Keypair) *keystore.Identity {
	if server.KeyName == "" {
		return nil
	}
	for _, id := range index.Match(WantedKey(server, keypair, console.Log{})).Identities {
		if id.How != keystore.ByExplicit {
			return id
		}
	}
	return nil
}

// maxOffered is how many keys are offered to a server: sshd counts each
// against its MaxAuthTries, 6 by default.
const maxOffered = 5

// signers are the keys to offer, best first. A file that others can read is
// passed over, if the user does not let it be protected, as long as another
// key matches; it is the end if none does.
func (p *Plan) signers(ctx context.Context) ([]ssh.Signer, error) {
	var signers []ssh.Signer
	var refused error
	for _, id := range p.Keys.Identities {
		if len(signers) == maxOffered {
			break
		}
		signer, err := p.signer(ctx, id)
		switch {
		case err == nil:
			signers = append(signers, signer)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case refused == nil:
			refused = err
		}
	}
	if len(signers) == 0 {
		return nil, refused
	}
	var open *keystore.UnprotectedError
	if errors.As(refused, &open) {
		p.config.note(Note{Kind: KeyPassedOver, Server: p.Server, What: open.Path, Err: refused})
	}
	return signers, nil
}

// signersFor matches the keys here only when the server asks for them.
func (p *Plan) signersFor(scan func() (*keystore.Index, error), w keystore.Wanted) func(context.Context) ([]ssh.Signer, error) {
	return func(ctx context.Context) ([]ssh.Signer, error) {
		index, err := scan()
		if err != nil {
			return nil, err
		}
		p.Keys = onlyNamed(p.request, index.Match(w))
		return p.signers(ctx)
	}
}

func (p *Plan) signer(ctx context.Context, id *keystore.Identity) (ssh.Signer, error) {
	signer, err := id.Signer(ctx, p.asker())
	var open *keystore.UnprotectedError
	if errors.As(err, &open) && p.config.ProtectKey != nil {
		p.asked = true
		protected, asked := p.config.ProtectKey(ctx, id.File)
		if asked != nil || !protected {
			return nil, errors.Join(err, asked)
		}
		signer, err = id.Signer(ctx, p.asker())
	}
	return signer, err
}

// asker asks for passphrases, nil where nobody can be asked.
func (p *Plan) asker() keystore.Asker {
	if p.config.Passphrase == nil {
		return nil
	}
	return func(ctx context.Context, prompt keystore.Prompt) ([]byte, error) {
		p.asked = true
		return p.config.Passphrase(ctx, prompt)
	}
}
