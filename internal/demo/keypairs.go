package demo

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	maxKeypairs = 100 // nova's default quota
	rsaBits     = 2048
)

// keypair is one of nova's: the private half is nowhere but with the user.
type keypair struct {
	name, kind string
	public     string
	print      string
	created    time.Time
	number     int
}

// material is a private key with what one writes of it.
type material struct {
	signer  ssh.Signer
	private []byte // PEM
}

func (m material) authorized(comment string) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(m.signer.PublicKey()))) + " " + comment
}

// newMaterial makes a key: ed25519 and ecdsa as OpenSSH writes them, rsa too,
// and "generated" as nova makes it, PKCS#1.
func newMaterial(kind, comment string) (material, error) {
	var key any
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		return material{}, err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY"}
	if kind == "generated" {
		block.Bytes = x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))
	} else if block, err = ssh.MarshalPrivateKey(key, comment); err != nil {
		return material{}, err
	}
	signer, err := ssh.NewSignerFromKey(key)
	return material{signer, pem.EncodeToMemory(block)}, err
}

// addKeypair imports a user's key and puts its private half into ~/.ssh.
func (c *Cloud) addKeypair(name string, m material) error {
	comment, file := "demo@laptop "+name, name
	if name == "generated" {
		comment, file = "Generated-by-Nova", "generated.pem"
	}
	dir := filepath.Join(c.home, ".ssh")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	c.keep(name, m.authorized(comment))
	if name != "generated" { // ssh-keygen writes both halves, nova gives one
		if err := os.WriteFile(filepath.Join(dir, file+".pub"), []byte(m.authorized(comment)+"\n"), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, file), m.private, 0o600)
}

// keep stores a keypair; the public key must be one.
func (c *Cloud) keep(name, public string) *keypair {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		return nil
	}
	k := &keypair{name: name, kind: "ssh", public: public, print: ssh.FingerprintLegacyMD5(key),
		created: time.Now(), number: len(c.keypairs) + 1}
	c.keypairs = append(c.keypairs, k)
	return k
}

func (c *Cloud) keypair(name string) *keypair {
	i := slices.IndexFunc(c.keypairs, func(k *keypair) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return c.keypairs[i]
}

func (c *Cloud) viewKeypair(r *request, k *keypair) object {
	o := object{"name": k.name, "public_key": k.public, "fingerprint": k.print}
	if r.minor >= 2 {
		o["type"] = k.kind
	}
	return o
}

func (c *Cloud) listKeypairs(r *request) reply {
	list := []object{}
	for _, k := range c.keypairs {
		list = append(list, object{"keypair": c.viewKeypair(r, k)})
	}
	slices.SortFunc(list, func(a, b object) int {
		return strings.Compare(text(a["keypair"].(object)["name"]), text(b["keypair"].(object)["name"]))
	})
	return reply{status: http.StatusOK, body: object{"keypairs": list}}
}

func (c *Cloud) noKeypair(name string) reply {
	return failure("nova", http.StatusNotFound, "Keypair "+name+" not found for user "+c.identity.userID)
}

func (c *Cloud) showKeypair(r *request) reply {
	k := c.keypair(r.PathValue("name"))
	if k == nil {
		return c.noKeypair(r.PathValue("name"))
	}
	o := c.viewKeypair(r, k)
	o["user_id"], o["created_at"], o["id"] = c.identity.userID, micros(k.created), k.number
	o["deleted"], o["deleted_at"], o["updated_at"] = false, nil, nil
	return reply{status: http.StatusOK, body: object{"keypair": o}}
}

func (c *Cloud) deleteKeypair(r *request) reply {
	k := c.keypair(r.PathValue("name"))
	if k == nil {
		return c.noKeypair(r.PathValue("name"))
	}
	c.keypairs = slices.DeleteFunc(c.keypairs, func(o *keypair) bool { return o == k })
	if r.minor >= 2 {
		return reply{status: http.StatusNoContent}
	}
	return reply{status: http.StatusAccepted}
}

// The names that nova takes, before and from microversion 2.92.
var (
	oldNames = regexp.MustCompile(`^[A-Za-z0-9_ -]{1,255}$`)
	newNames = regexp.MustCompile(`^[A-Za-z0-9_ @.-]{1,255}$`)
)

func (c *Cloud) createKeypair(r *request) reply {
	var q struct {
		Keypair *struct {
			Name      string  `json:"name"`
			PublicKey *string `json:"public_key"`
		} `json:"keypair"`
	}
	bad := func(message string) reply { return failure("nova", http.StatusBadRequest, message) }
	if err := r.decode(&q); err != nil || q.Keypair == nil {
		return bad("Invalid input for field/attribute keypair.")
	}
	name, names, expected := q.Keypair.Name, oldNames, "_- "
	if r.minor >= 92 {
		names, expected = newNames, "@._- "
	}
	switch {
	case !names.MatchString(name):
		return bad("An invalid 'name' value was provided. The name must be: Only expected characters: [" + expected +
			"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ]")
	case r.minor >= 92 && q.Keypair.PublicKey == nil:
		return bad("Invalid input for field/attribute keypair. Value: {'name': '" + name + "'}. 'public_key' is a required property")
	case c.keypair(name) != nil:
		return failure("nova", http.StatusConflict, "Key pair '"+name+"' already exists.")
	case len(c.keypairs) >= maxKeypairs:
		return failure("nova", http.StatusForbidden, "Quota exceeded, too many key pairs.")
	}
	var private []byte
	if q.Keypair.PublicKey == nil {
		m, err := newMaterial("generated", "")
		if err != nil {
			return failure("nova", http.StatusInternalServerError, err.Error())
		}
		public := m.authorized("Generated-by-Nova")
		private, q.Keypair.PublicKey = m.private, &public
	}
	k := c.keep(name, *q.Keypair.PublicKey)
	if k == nil {
		return bad("Keypair data is invalid: failed to generate fingerprint")
	}
	o := c.viewKeypair(r, k)
	o["user_id"] = c.identity.userID
	if private != nil {
		o["private_key"] = string(private)
	}
	status := http.StatusOK
	if r.minor >= 2 {
		status = http.StatusCreated
	}
	return reply{status: status, body: object{"keypair": o}}
}
