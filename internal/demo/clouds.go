package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The clouds of clouds.yaml.
const (
	mainName   = "demo"
	otherName  = "other"
	brokenName = "broken" // only where a fault puts it there: nothing listens at its auth_url
)

// nowhere is an address of this machine that nothing listens at (tcpmux, RFC 1078).
const nowhere = "http://127.0.0.1:1"

// writeClouds writes the main cloud's clouds.yaml.
func (c *Cloud) writeClouds(withBroken bool) error {
	var b strings.Builder
	b.WriteString("clouds:\n" + c.passwordEntry())
	fmt.Fprintf(&b, `  %s-appcred:
    auth_type: v3applicationcredential
    region_name: %s
    identity_api_version: 3
    auth:
      auth_url: %s/identity/v3
      application_credential_id: %s
      application_credential_secret: %s
`, c.name, region, c.base, c.identity.credentialID, c.identity.secret)
	b.WriteString(c.other.passwordEntry())
	if withBroken {
		broken := Cloud{name: brokenName, base: nowhere, identity: identity{password: "none"}}
		b.WriteString(broken.passwordEntry())
	}
	return os.WriteFile(filepath.Join(c.home, "clouds.yaml"), []byte(b.String()), 0o600)
}

func (c *Cloud) passwordEntry() string {
	return fmt.Sprintf(`  %[1]s:
    auth_type: password
    region_name: %[2]s
    identity_api_version: 3
    auth:
      auth_url: %[3]s/identity/v3
      username: %[1]s
      password: %[4]s
      project_name: %[1]s
      user_domain_name: Default
      project_domain_name: Default
`, c.name, region, c.base, c.identity.password)
}

// otherStandard are the servers of the second cloud.
var otherStandard = []standardServer{
	{"web", "debian-12", "ed25519", []string{"private"}, "ssh-open", true, false, false},
	{"lone", "debian-12", "ed25519", []string{"private"}, "ssh-open", true, false, false},
}

// seedOther fills the second cloud: networks, groups and fixed addresses as in
// the first, the same user's key, and two servers.
func (c *Cloud) seedOther(first *Cloud) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found()
	c.hostRSA = first.hostRSA
	shared := *first.keypair("ed25519")
	c.keypairs = append(c.keypairs, &shared)
	return c.fill(otherStandard)
}
