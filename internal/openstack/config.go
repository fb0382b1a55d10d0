// Package openstack turns clouds.yaml and OS_* variables into an authenticated
// client of one cloud, and gives the records of its APIs as they really are.
//
// It reads nothing from the process by itself: environment, directories and
// prompts come in as values and callbacks.
package openstack

import "fmt"

// Options says where the configuration comes from. Nothing is read from the
// process itself.
type Options struct {
	// Cloud, Region, Project and Interface come from flags; "" means not given.
	// They win over everything else.
	Cloud, Region, Project, Interface string

	Env  func(string) string // looks up one variable; nil means an empty environment
	Dir  string              // the working directory, the first place searched
	Home string              // the home directory; "" leaves it out of the search
}

// Cloud is one cloud of the configuration, in one region, fully merged.
type Cloud struct {
	Name      string   // as in clouds.yaml; "envvars" for a cloud made of OS_* variables
	Region    string   // "" takes the first one of the catalog
	Regions   []string // that its entry lists: no other can be asked for; none: any can
	Interface string   // "public", "internal" or "admin"
	AuthURL   string
	Auth      Auth
	TLS       TLS
	Networks  []NetworkConfig
	Private   bool // the fixed address is preferred over a public one
	ForceIPv4 bool // IPv6 addresses are not used

	// Services holds what is configured for single services, by official
	// service type ("compute", "network", "image", "block-storage").
	Services map[string]ServiceConfig

	// Files are the files that had a part in this configuration.
	Files []string
}

// Auth says who logs in and to what.
type Auth struct {
	Type AuthType

	Username, UserID             string
	UserDomainID, UserDomainName string
	Password, Passcode, Token    Secret

	ApplicationCredentialID, ApplicationCredentialName string
	ApplicationCredentialSecret                        Secret

	// The scope: a trust, else the system, else a project, else a domain.
	TrustID                            string
	System                             bool
	ProjectID, ProjectName             string
	ProjectDomainID, ProjectDomainName string
	DomainID, DomainName               string
}

// AuthType is a way to get a token from keystone.
type AuthType string

// The supported ways, under keystoneauth's names.
const (
	AuthPassword              AuthType = "v3password"
	AuthToken                 AuthType = "v3token"
	AuthApplicationCredential AuthType = "v3applicationcredential"
	AuthTOTP                  AuthType = "v3totp"
	AuthPasswordAndTOTP       AuthType = "v3multifactor" // both factors in one request
)

// TLS says how the cloud's certificates are verified and which one is shown.
// The files are paths with "~" expanded.
type TLS struct {
	Insecure bool   // nothing is verified
	CACert   string // a PEM file that replaces the system's roots
	Cert     string // a PEM file with the client's certificate
	Key      string // its key; "" if it is in Cert too
}

// NetworkConfig is one entry of `networks:` in clouds.yaml. An entry that does
// not route externally is internal, whatever neutron says of it.
type NetworkConfig struct {
	Name                 string // a network's name or id
	RoutesIPv4Externally bool
	RoutesIPv6Externally bool
	NATSource            bool
	NATDestination       bool
	DefaultInterface     bool
}

// ServiceConfig overrides what the catalog says of one service.
type ServiceConfig struct {
	Endpoint  string
	Region    string
	Interface string
}

// Secret is a string that formats as "***", so that a printed structure does
// not give it away.
type Secret string

// Format writes "***" for every verb, or nothing where there is no secret.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		_, _ = f.Write([]byte("***"))
	}
}

// MarshalText keeps the secret out of JSON as well.
func (s Secret) MarshalText() ([]byte, error) {
	return fmt.Append(nil, s), nil
}
