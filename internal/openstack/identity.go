package openstack

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Identity names what a login with this configuration opens, whatever the
// region: a hash of everything that decides it, and of no secret. It is "" for a
// login by token, where nothing but the secret says whose it is.
func (c *Cloud) Identity() string {
	if c.Auth.Type == AuthToken {
		return ""
	}
	who := c.Auth
	who.Password, who.Passcode, who.Token, who.ApplicationCredentialSecret = "", "", "", ""
	text, err := json.Marshal(struct {
		AuthURL string
		Auth    Auth
	}{c.AuthURL, who})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}
