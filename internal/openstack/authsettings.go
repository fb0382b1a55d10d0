package openstack

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// AuthTypeError means that a cloud asks for a way to log in that is not
// supported. Instead is one that would do: for a federated user, an
// application credential made in the dashboard.
type AuthTypeError struct {
	Cloud   string
	Type    string // as configured
	Instead AuthType
}

func (e *AuthTypeError) Error() string {
	return fmt.Sprintf("cloud %q: auth_type %q is not supported", e.Cloud, e.Type)
}

var errAlone = errors.New("needs auth_methods of v3password and v3totp")

// authSettings reads the part of a cloud's settings that says who logs in.
type authSettings struct {
	settings
	env     func(string) string // for what the file leaves to the environment; nil for none
	project string              // from a flag
}

// auth gathers the auth section: what stands outside of it moves in.
func (s *settings) auth(c *configuration) *authSettings {
	inner, err := mapping(s.values["auth"])
	if err != nil {
		s.fail("auth", err)
	}
	a := &authSettings{
		settings: settings{cloud: s.cloud, values: maps.Clone(inner), options: s.options},
		project:  c.override(c.options.Project, "OS_PROJECT_NAME"),
	}
	if a.values == nil {
		a.values = tree{}
	}
	a.adopt(s.values)
	if c.options.env("OS_AUTH_URL") == "" {
		a.env = c.options.env
	}
	a.values["auth_type"] = firstValue(s.values["auth_type"], s.values["auth_plugin"])
	a.values["auth_methods"] = s.values["auth_methods"]
	a.values["identity_api_version"] = s.values["identity_api_version"]
	return a
}

func mapping(value any) (tree, error) {
	switch v := value.(type) {
	case nil:
		return tree{}, nil
	case tree:
		return v, nil
	}
	return nil, errNotMapping
}

// adopt moves keys from the top level into auth. openstacksdk lets the outer
// one win for the first kind (_fix_backwards_auth) and the inner one for the
// second (_validate_auth).
func (a *authSettings) adopt(outer tree) {
	for target, names := range map[string][]string{
		"domain_id":           {"domain_id"},
		"domain_name":         {"domain_name"},
		"user_domain_id":      {"user_domain_id"},
		"user_domain_name":    {"user_domain_name"},
		"project_domain_id":   {"project_domain_id"},
		"project_domain_name": {"project_domain_name"},
		"token":               {"auth_token", "token"},
		"passcode":            {"passcode"},
		"project_id":          {"tenant_id", "project_id"},
		"project_name":        {"tenant_name", "project_name"},
	} {
		var found any
		for _, name := range names {
			found = firstValue(outer[name], a.values[name], found)
			delete(a.values, name)
		}
		if found != nil {
			a.values[target] = found
		}
	}
	for target, names := range map[string][]string{
		"auth_url":                      {"auth_url"},
		"username":                      {"username", "user_name"},
		"user_id":                       {"user_id"},
		"password":                      {"password"},
		"trust_id":                      {"trust_id"},
		"system_scope":                  {"system_scope"},
		"application_credential_id":     {"application_credential_id"},
		"application_credential_name":   {"application_credential_name"},
		"application_credential_secret": {"application_credential_secret"},
	} {
		var found any
		for _, name := range slices.Backward(names) {
			found = firstValue(a.values[name], outer[name], found)
		}
		a.values[target] = found
	}
}

func firstValue(values ...any) any {
	for _, v := range values {
		if v != nil && v != "" {
			return v
		}
	}
	return nil
}

// read gives the settings in their final form.
func (a *authSettings) read() Auth {
	a.spreadDomain()
	auth := Auth{
		Username:                    a.text("username"),
		UserID:                      a.text("user_id"),
		UserDomainID:                a.text("user_domain_id"),
		UserDomainName:              a.text("user_domain_name"),
		Password:                    a.secret("password", "OS_PASSWORD"),
		Passcode:                    a.secret("passcode", "OS_PASSCODE"),
		Token:                       a.secret("token", ""),
		ApplicationCredentialID:     a.text("application_credential_id"),
		ApplicationCredentialName:   a.text("application_credential_name"),
		ApplicationCredentialSecret: a.secret("application_credential_secret", "OS_APPLICATION_CREDENTIAL_SECRET"),
		TrustID:                     a.text("trust_id"),
		System:                      a.text("system_scope") == "all",
		ProjectID:                   a.text("project_id"),
		ProjectName:                 a.text("project_name"),
		ProjectDomainID:             a.text("project_domain_id"),
		ProjectDomainName:           a.text("project_domain_name"),
		DomainID:                    a.text("domain_id"),
		DomainName:                  a.text("domain_name"),
	}
	auth.Type = a.authType(auth)
	a.changeProject(&auth)
	defaultDomains(&auth)
	a.check(auth)
	return auth
}

// secret reads a setting that a file may leave to a variable.
func (a *authSettings) secret(key, variable string) Secret {
	value := a.text(key)
	if value == "" && variable != "" && a.env != nil {
		value = a.env(variable)
	}
	return Secret(value)
}

// url gives keystone's address. A v2.0 that is left over in it is v3's place today.
func (a *authSettings) url() string {
	value := strings.TrimRight(a.text("auth_url"), "/")
	switch {
	case value == "":
		a.fail("auth.auth_url", ErrMissing)
	case !isHTTP(value):
		a.fail("auth.auth_url", ErrNotAURL)
	}
	if base, ok := strings.CutSuffix(value, "/v2.0"); ok {
		return base + "/v3"
	}
	return value
}

// spreadDomain lets domain_id and domain_name stand for the user's and the
// project's domain where the login is for a project. As in openstacksdk's
// _handle_domain_id, a domain_id fills in beside a user_domain_name, and goes
// before it.
func (a *authSettings) spreadDomain() {
	if a.text("project_id", "project_name") == "" && a.project == "" {
		return
	}
	for _, key := range []string{"domain_id", "domain_name"} {
		value := a.values[key]
		delete(a.values, key)
		if value == nil {
			continue
		}
		for _, who := range []string{"user_", "project_"} {
			if a.values[who+key] == nil {
				a.values[who+key] = value
			}
		}
	}
}

// authType decides the way to log in. Nothing that is not known is ever taken
// for a password.
func (a *authSettings) authType(auth Auth) AuthType {
	name := a.text("auth_type")
	v2 := strings.HasPrefix(strings.TrimPrefix(a.text("identity_api_version"), "v"), "2")
	switch name {
	case "", "password", "token":
		if v2 {
			name = "v2" + firstOf(name, "password")
		}
	}
	switch name {
	case "":
		return impliedType(auth)
	case "password", "v3password", "v3trust":
		return AuthPassword
	case "token", "v3token":
		return AuthToken
	case "v3applicationcredential":
		return AuthApplicationCredential
	case "v3totp":
		return AuthTOTP
	case "v3multifactor":
		return a.multifactor()
	}
	instead := AuthApplicationCredential
	if strings.HasPrefix(name, "v2") {
		instead = AuthPassword
	}
	if a.err == nil {
		a.err = &AuthTypeError{Cloud: a.cloud, Type: name, Instead: instead}
	}
	return ""
}

// impliedType is what the settings can only mean where auth_type is not set.
func impliedType(auth Auth) AuthType {
	switch {
	case auth.ApplicationCredentialID != "" || auth.ApplicationCredentialName != "":
		return AuthApplicationCredential
	case auth.Username != "" || auth.UserID != "" || auth.Token == "":
		return AuthPassword
	}
	return AuthToken
}

// multifactor reads auth_methods: a list, or names with commas between them.
func (a *authSettings) multifactor() AuthType {
	methods, ok := a.values["auth_methods"].([]any)
	if !ok {
		for name := range strings.SplitSeq(a.text("auth_methods"), ",") {
			methods = append(methods, name)
		}
	}
	var names []string
	for _, m := range methods {
		name, err := text(m)
		if err != nil {
			a.fail("auth_methods", err)
		}
		names = append(names, strings.TrimSpace(name))
	}
	slices.Sort(names)
	switch strings.Join(names, " ") {
	case "v3password":
		return AuthPassword
	case "v3totp":
		return AuthTOTP
	case "v3password v3totp":
		return AuthPasswordAndTOTP
	}
	a.fail("auth_methods", errAlone)
	return ""
}

// changeProject puts the project of a flag in the place of the configured one.
func (a *authSettings) changeProject(auth *Auth) {
	if a.project == "" || a.project == auth.ProjectName {
		return
	}
	if auth.Type == AuthApplicationCredential {
		a.fail("auth.project_name", ErrFixedProject)
	}
	auth.ProjectName, auth.ProjectID, auth.TrustID, auth.System = a.project, "", "", false
	auth.DomainID, auth.DomainName = "", ""
}

// defaultDomains fills in what keystone calls the default domain, as
// openstackclient does; a project is looked for where its user is.
func defaultDomains(auth *Auth) {
	if auth.Username != "" && auth.UserID == "" && auth.UserDomainID == "" && auth.UserDomainName == "" {
		auth.UserDomainID = "default"
	}
	if auth.ProjectName == "" || auth.ProjectID != "" || auth.ProjectDomainID != "" || auth.ProjectDomainName != "" {
		return
	}
	auth.ProjectDomainID, auth.ProjectDomainName = auth.UserDomainID, auth.UserDomainName
	if auth.UserDomainID == "" && auth.UserDomainName == "" {
		auth.ProjectDomainID = "default"
	}
}

// check tells what is missing for the way to log in. Secrets are looked for
// later: they may be asked for.
func (a *authSettings) check(auth Auth) {
	user := auth.Username != "" || auth.UserID != ""
	switch {
	case auth.Type == AuthApplicationCredential && auth.ApplicationCredentialID == "":
		if auth.ApplicationCredentialName == "" {
			a.fail("auth.application_credential_id", ErrMissing)
		} else if !user {
			a.fail("auth.username", ErrMissing)
		}
	case auth.Type == AuthPassword || auth.Type == AuthTOTP || auth.Type == AuthPasswordAndTOTP:
		if !user {
			a.fail("auth.username", ErrMissing)
		}
	}
}
