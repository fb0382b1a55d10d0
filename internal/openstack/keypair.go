package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// wideNames is the microversion from which a keypair's name may hold "@" and
// "." too, and from which nova makes no keys any more
// (nova/api/openstack/compute/keypairs.py).
const wideNames = "2.92"

// keypairName are the names that some nova takes: those characters, and no
// space at either end (nova/compute/api.py, KeypairAPI._validate_new_key_pair).
var keypairName = regexp.MustCompile(`^[A-Za-z0-9_@.-]([A-Za-z0-9_ @.-]{0,253}[A-Za-z0-9_@.-])?$`)

// KeypairNameError says that nova takes no keypair of that name.
type KeypairNameError struct {
	Name string
	// Newer is the microversion that would take it, which this nova has not or
	// which cannot make keys; "" where none takes it.
	Newer string
}

func (e *KeypairNameError) Error() string {
	if e.Newer != "" {
		return fmt.Sprintf("keypair name %q needs nova's microversion %s", e.Name, e.Newer)
	}
	return fmt.Sprintf("keypair name %q: only letters, digits, spaces within, and _ - @ . are allowed", e.Name)
}

// KeypairExistsError says that the user has a keypair of that name already.
type KeypairExistsError struct{ Name string }

func (e *KeypairExistsError) Error() string { return fmt.Sprintf("keypair %q exists", e.Name) }

// KeypairQuotaError says that the user may have no more keypairs.
type KeypairQuotaError struct {
	Name string
	Err  error // nova's answer
}

func (e *KeypairQuotaError) Error() string {
	return fmt.Sprintf("keypair %q: quota exceeded: %v", e.Name, e.Err)
}
func (e *KeypairQuotaError) Unwrap() error { return e.Err }

// CheckKeypairName tells, before anything is made or sent, whether some nova
// takes a name: *KeypairNameError. "." and ".." are refused, for in a URL they
// mean something else.
func CheckKeypairName(name string) error {
	if name == "." || name == ".." || !keypairName.MatchString(name) {
		return &KeypairNameError{Name: name}
	}
	return nil
}

// Keypair gives a keypair with its creation time. An empty userID is the
// token's own user; another one needs an administrator.
func (c *Client) Keypair(ctx context.Context, name, userID string) (*Keypair, error) {
	path, err := keypairPath(name)
	if err != nil {
		return nil, err
	}
	r := request{path: path}
	if userID != "" {
		r.query = url.Values{"user_id": {userID}}
	}
	var keypair Keypair
	if err := c.nova(ctx, r, &answer{key: "keypair", into: &keypair}); err != nil {
		return nil, err
	}
	return &keypair, nil
}

// keypairPath escapes a name. "." and ".." stay as they are in a URL, so they
// are refused.
func keypairPath(name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", &KeypairNameError{Name: name}
	}
	return "os-keypairs/" + url.PathEscape(name), nil
}

// Keypairs gives all keypairs of the token's user.
func (c *Client) Keypairs(ctx context.Context) ([]Keypair, error) {
	return collect(pages(ctx, nil, func(ctx context.Context, query url.Values) (page[Keypair], error) {
		var wrapped []struct {
			Keypair Keypair `json:"keypair"`
		}
		out := &answer{key: "keypairs", into: &wrapped}
		err := c.nova(ctx, request{path: "os-keypairs", query: query}, out)
		found := make([]Keypair, len(wrapped))
		for i, w := range wrapped {
			found[i] = w.Keypair
		}
		return page[Keypair]{found, out.more}, err
	}, func(k Keypair) string { return k.Name }))
}

// ImportKeypair registers a public key, a line of authorized_keys. Errors:
// *KeypairNameError, *KeypairExistsError, *KeypairQuotaError, and the API's.
func (c *Client) ImportKeypair(ctx context.Context, name, publicKey string) (*Keypair, error) {
	if err := CheckKeypairName(name); err != nil {
		return nil, err
	}
	var keypair Keypair
	err := c.createKeypair(ctx, map[string]any{"name": name, "public_key": publicKey, "type": "ssh"}, name, &keypair)
	if err != nil {
		return nil, err
	}
	return &keypair, nil
}

// GenerateKeypair lets nova make a keypair, below microversion 2.92 where it
// still does. The private key is PEM and is nowhere else. Errors are those of
// ImportKeypair.
func (c *Client) GenerateKeypair(ctx context.Context, name string) (*Keypair, []byte, error) {
	if err := CheckKeypairName(name); err != nil {
		return nil, nil, err
	}
	if strings.ContainsAny(name, "@.") {
		return nil, nil, &KeypairNameError{Name: name, Newer: wideNames}
	}
	var made struct {
		Keypair
		PrivateKey string `json:"private_key"`
	}
	err := c.createKeypair(ctx, map[string]any{"name": name, "type": "ssh"}, name, &made)
	if err == nil && made.PrivateKey == "" {
		err = errMissing
	}
	return &made.Keypair, []byte(made.PrivateKey), err
}

func (c *Client) createKeypair(ctx context.Context, keypair map[string]any, name string, into any) error {
	r := request{service: compute, method: http.MethodPost, path: "os-keypairs", body: map[string]any{"keypair": keypair}}
	send := c.nova
	if strings.ContainsAny(name, "@.") {
		r.microversion, send = wideNames, c.do
	}
	err := send(ctx, r, &answer{key: "keypair", into: into})
	var api *APIError
	if !errors.As(err, &api) {
		return err
	}
	switch {
	case api.Status == http.StatusNotAcceptable && r.microversion != "":
		return &KeypairNameError{Name: name, Newer: wideNames}
	case api.Status == http.StatusConflict:
		return &KeypairExistsError{Name: name}
	case api.Status == http.StatusForbidden && strings.HasPrefix(api.Message, "Quota exceeded"):
		return &KeypairQuotaError{Name: name, Err: err}
	}
	return err
}

// DeleteKeypair takes a keypair of the token's user away. Servers that were
// made with it keep their key.
func (c *Client) DeleteKeypair(ctx context.Context, name string) error {
	path, err := keypairPath(name)
	if err != nil {
		return err
	}
	return c.nova(ctx, request{method: http.MethodDelete, path: path}, nil)
}
