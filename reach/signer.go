package reach

import (
	"context"
	"errors"

	"golang.org/x/crypto/ssh"

	"osssh/keystore"
)

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
