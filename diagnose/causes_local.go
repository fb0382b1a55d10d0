package diagnose

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/sshconfig"
)

// localCauses are those that the catalogue numbers with L.
func localCauses() []Cause {
	return []Cause{
		{
			ID: "L1", Slug: "no-configuration", Layer: Local,
			Title: "there is neither a clouds.yaml nor an openrc file's variables",
			Shows: "no credentials: nothing tells which cloud to ask",
			Told:  "no clouds.yaml in any of the places searched, no OS_AUTH_URL in the environment",
			Mends: "download clouds.yaml from the dashboard (API access), or source the openrc file",
			Find:  findNoConfiguration,
		},
		{
			ID: "L2", Slug: "cloud-not-configured", Layer: Local,
			Title: "the cloud that was asked for is not in clouds.yaml, or none of several was chosen",
			Shows: "cloud not found",
			Told:  "the names in the file",
			Mends: "--os-cloud NAME, or OS_CLOUD",
			Find:  findCloudNotConfigured,
		},
		{
			ID: "L3", Slug: "configuration-unreadable", Layer: Local,
			Title: "clouds.yaml is no YAML, or may not be read",
			Shows: "a parse error, or permission denied",
			Told:  "file, line and setting",
			Mends: "mend the line, or chmod 600 the file",
			Find:  findConfigurationUnreadable,
		},
		{
			ID: "L4", Slug: "secret-missing", Layer: Local,
			Title: "the configuration lacks the password or another secret",
			Shows: "a missing password, where nobody can be asked",
			Told:  "the merged configuration: clouds.yaml, secure.yaml, environment",
			Mends: "put it into secure.yaml beside clouds.yaml, or into the environment",
			Find:  findSecretMissing,
		},
		{
			ID: "L5", Slug: "credentials-refused", Layer: Local,
			Title: "keystone refuses user name, password or domain",
			Shows: "401 when a token is asked for",
			Told:  "keystone's 401",
			Mends: "correct them in clouds.yaml, or source a fresh openrc file",
			Find:  findCredentialsRefused,
		},
		{
			ID: "L6", Slug: "application-credential-refused", Layer: Local,
			Title: "the application credential has expired, was deleted, or cannot be scoped so",
			Shows: "401, or \"cannot request a scope\"",
			Told:  "keystone's answer to an application credential",
			Mends: "make a new one: openstack application credential create",
			Find:  findApplicationCredentialRefused,
		},
		{
			ID: "L7", Slug: "access-rules", Layer: Cloud,
			Title: "the application credential's access rules leave out a call that is needed",
			Shows: "one service answers 401, the others work",
			Told:  "401 for a token that keystone has only just given",
			Mends: "make a new application credential with wider --access-rules, or without any",
			Find:  findAccessRules,
		},
		{
			ID: "L8", Slug: "unscoped-token", Layer: Local,
			Title: "the token is for no project, so there is no catalog",
			Shows: "no service is found",
			Told:  "a token without a project",
			Mends: "set project_name in clouds.yaml, or --os-project-name",
			Find:  findUnscopedToken,
		},
		{
			ID: "L9", Slug: "wrong-project", Layer: Name,
			Title: "the server is in another project of yours",
			Shows: "no such server",
			Told:  "the other projects were asked for the name",
			Mends: "--os-project-name NAME",
			Find:  findWrongProject,
		},
		{
			ID: "L10", Slug: "wrong-region", Layer: Name,
			Title: "the region or the interface has no such service, or the server is in another region",
			Shows: "endpoint not found, or no such server",
			Told:  "the regions of the catalog; the others were asked for the name",
			Mends: "--os-region-name NAME, or --os-interface",
			Find:  findWrongRegion,
		},
		{
			ID: "L11", Slug: "tls", Layer: Local,
			Title: "the API's certificate is not trusted here",
			Shows: "an x509 error",
			Told:  "the certificate's chain, its names and dates, this machine's clock",
			Mends: "cacert: FILE in clouds.yaml, or set the clock",
			Find:  findTLS,
		},
		{
			ID: "L12", Slug: "api-unreachable", Layer: Local,
			Title: "the cloud's APIs are not reached: VPN, proxy, DNS",
			Shows: "an error of the network before any answer",
			Told:  "the dial error and the proxy of the environment",
			Mends: "start the VPN; set or unset HTTPS_PROXY and NO_PROXY",
			Find:  findAPIUnreachable,
		},
		{
			ID: "L13", Slug: "auth-type", Layer: Local,
			Title: "the cloud's auth_type needs a browser or is not supported",
			Shows: "osssh refuses the configuration",
			Told:  "auth_type in clouds.yaml",
			Mends: "make an application credential in the dashboard",
			Find:  findAuthType,
		},
		{
			ID: "L14", Slug: "ssh-config-unusable", Layer: Local,
			Title: "the user's ssh_config cannot be used",
			Shows: "\"Bad owner or permissions on\", or a bad configuration option",
			Told:  "the file's owner, mode and lines",
			Mends: "chmod 600 ~/.ssh/config, or correct the line",
			Find:  findSSHConfig,
		},
		{
			ID: "L15", Slug: "token-expired", Layer: Local,
			Title: "the token ended, or was revoked, while it was in use",
			Shows: "a late 401",
			Told:  "401 for a token that worked before, and keystone gives no new one",
			Mends: "sign in again; osssh does so once by itself",
			Find:  findTokenExpired,
		},
	}
}

func findNoConfiguration(f *Facts) *Finding {
	var none *openstack.NoCloudsError
	if !errors.As(f.Setup.Err, &none) {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       "no clouds.yaml, and no OS_* variables of an openrc file",
		Evidence:   []string{"looked for " + strings.Join(none.Searched, ", ")},
		Fix:        Fix{Words: "download clouds.yaml from the dashboard (API access) to ~/.config/openstack/clouds.yaml"},
	}
}

func findCloudNotConfigured(f *Facts) *Finding {
	var unknown *openstack.UnknownCloudError
	if !errors.As(f.Setup.Err, &unknown) {
		return nil
	}
	found := &Finding{Confidence: Certain, What: fmt.Sprintf("no cloud %q in %s", unknown.Cloud, unknown.File)}
	if unknown.Cloud == "" {
		found.What = fmt.Sprintf("%s has several clouds, and none is chosen", unknown.File)
	}
	if len(unknown.Clouds) == 0 {
		found.Fix.Words = "add the cloud to " + unknown.File
		return found
	}
	found.Evidence = []string{"it has " + strings.Join(unknown.Clouds, ", ")}
	found.Fix.Command = fmt.Sprintf("osssh --os-cloud %s %s", terminal.Quote(unknown.Clouds[0]), terminal.Quote(f.Name))
	if len(unknown.Clouds) > 1 {
		found.Fix.Words = "or another of " + strings.Join(unknown.Clouds, ", ")
	}
	return found
}

func findConfigurationUnreadable(f *Facts) *Finding {
	var broken *openstack.ConfigError
	if !errors.As(f.Setup.Err, &broken) || isAuthType(f.Setup.Err) {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: broken.Error(),
		Fix: Fix{Words: "mend " + broken.File},
	}
}

func findSecretMissing(f *Facts) *Finding {
	var missing *openstack.MissingSecretError
	if !errors.As(errors.Join(f.Setup.Err, f.Setup.SignIn), &missing) {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("no %s is configured for cloud %q", missing.Name, missing.Cloud),
		Fix:        Fix{Words: fmt.Sprintf("put %s into secure.yaml beside clouds.yaml: clouds: {%s: {auth: {%s: …}}}", missing.Name, missing.Cloud, missing.Name)},
	}
}

func findCredentialsRefused(f *Facts) *Finding {
	var refused *openstack.AuthError
	if !errors.As(f.Setup.SignIn, &refused) || refused.AuthType == openstack.AuthApplicationCredential {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("keystone refuses the login by %s to cloud %q with %d", refused.AuthType, refused.Cloud, refused.Status),
		Evidence:   []string{"keystone says: " + refused.Message},
		Fix:        Fix{Words: "check user name, password and both domains of the cloud's entry, or source a fresh openrc file"},
	}
}

func findApplicationCredentialRefused(f *Facts) *Finding {
	var refused *openstack.AuthError
	if !errors.As(f.Setup.SignIn, &refused) || refused.AuthType != openstack.AuthApplicationCredential {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("keystone refuses the application credential of cloud %q with %d: it has expired, was deleted, or may not be scoped so", refused.Cloud, refused.Status),
		Evidence:   []string{"keystone says: " + refused.Message},
		Fix:        Fix{Command: "openstack application credential create osssh", Words: "by another way of signing in; then put its id and secret into clouds.yaml"},
	}
}

func findAccessRules(f *Facts) *Finding {
	refused := f.tokenRefused()
	if refused == nil || refused.AuthType != openstack.AuthApplicationCredential {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("the application credential's access rules leave out %s %s of %s", refused.Method, refused.Path, refused.Service),
		Evidence:   []string{fmt.Sprintf("%s answers 401 to a token that keystone has only just given", refused.Service)},
		Fix:        Fix{Command: "openstack application credential create osssh", Words: "without --access-rules, or with this call among them"},
	}
}

// tokenRefused is a call that was refused under a fresh token, and that stopped
// the diagnosis: gaps beside an answered one do not.
func (f *Facts) tokenRefused() *openstack.TokenRefusedError {
	var refused *openstack.TokenRefusedError
	if errors.As(errors.Join(f.Setup.SignIn, f.Nova.Lookup), &refused) {
		return refused
	}
	return nil
}

func findUnscopedToken(f *Facts) *Finding {
	var unscoped *openstack.UnscopedError
	if !errors.As(f.Setup.SignIn, &unscoped) {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("the token for cloud %q is for no project", unscoped.Cloud),
		Fix:        Fix{Command: "openstack project list", Words: "and set project_name in clouds.yaml to one of them"},
	}
}

func findWrongProject(f *Facts) *Finding {
	if !f.notFound() {
		return nil
	}
	for _, place := range f.Nova.Elsewhere {
		if place.Project != "" && place.Region == "" {
			return &Finding{
				Confidence: Certain,
				What:       fmt.Sprintf("server %s is in project %s", f.Name, place.Project),
				Evidence:   []string{fmt.Sprintf("server %s, %s, in project %s", place.Server.ID, place.Server.Status, place.Project)},
				Fix:        Fix{Command: fmt.Sprintf("osssh --os-project-name %s %s", terminal.Quote(place.Project), terminal.Quote(f.Name))},
			}
		}
	}
	return nil
}

func findWrongRegion(f *Facts) *Finding {
	var missing *openstack.ServiceMissingError
	if errors.As(errors.Join(f.Setup.SignIn, f.Nova.Lookup), &missing) && missing.Service != "network" {
		found := &Finding{Confidence: Certain, What: missing.Error(), Fix: Fix{Words: "--os-interface public, internal or admin"}}
		for _, region := range missing.Regions {
			if region != missing.Region {
				found.Fix = f.inRegion(region)
				break
			}
		}
		return found
	}
	var unknown *openstack.UnknownRegionError
	if errors.As(f.Setup.Err, &unknown) {
		found := &Finding{Confidence: Certain, What: unknown.Error()}
		if len(unknown.Regions) > 0 {
			found.Fix.Command = fmt.Sprintf("osssh --os-region-name %s %s", terminal.Quote(unknown.Regions[0]), terminal.Quote(f.Name))
		}
		return found
	}
	if !f.notFound() {
		return nil
	}
	for _, place := range f.Nova.Elsewhere {
		if place.Region != "" {
			return &Finding{
				Confidence: Certain,
				What:       fmt.Sprintf("server %s is in region %s", f.Name, place.Region),
				Evidence:   []string{fmt.Sprintf("server %s, %s, in region %s", place.Server.ID, place.Server.Status, place.Region)},
				Fix:        f.inRegion(place.Region),
			}
		}
	}
	return nil
}

// inRegion asks another region. One that clouds.yaml does not list must be
// written there first.
func (f *Facts) inRegion(region string) Fix {
	if len(f.Setup.Regions) > 0 && !slices.Contains(f.Setup.Regions, region) {
		return Fix{Words: fmt.Sprintf("region_name: %s in the entry of cloud %q in clouds.yaml", region, f.Setup.Cloud)}
	}
	return Fix{Command: fmt.Sprintf("osssh --os-region-name %s %s", terminal.Quote(region), terminal.Quote(f.Name))}
}

func findTLS(f *Facts) *Finding {
	unreachable := f.apiUnreachable()
	if unreachable == nil || !isTLS(unreachable) {
		return nil
	}
	found := &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("the certificate of %s is not trusted here: %s", unreachable.URL, innermost(unreachable)),
		Fix:        Fix{Words: fmt.Sprintf("put the CA's certificate into a file, and cacert: FILE into the entry of cloud %q", f.Setup.Cloud)},
	}
	if errors.Is(unreachable, http.ErrSchemeMismatch) {
		found.What = fmt.Sprintf("%s speaks no TLS", unreachable.URL)
		found.Evidence = []string{"it answers a TLS handshake in plain HTTP"}
		found.Fix = Fix{Words: fmt.Sprintf("auth_url: http://… in the entry of cloud %q, if that is meant", f.Setup.Cloud)}
	}
	var invalid x509.CertificateInvalidError
	if errors.As(unreachable, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil {
		found.Evidence = []string{fmt.Sprintf("it holds from %s to %s; this machine's clock says %s",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339), f.At.UTC().Format(time.RFC3339))}
		found.Fix = Fix{Words: "tell the operator; or set this machine's clock, if that is wrong"}
	}
	return found
}

func isTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &name) || errors.As(err, &record)
}

func findAPIUnreachable(f *Facts) *Finding {
	unreachable := f.apiUnreachable()
	if unreachable == nil || isTLS(unreachable) || f.Setup.SignIn == nil { // a single service: C8
		return nil
	}
	found := &Finding{Confidence: Certain, What: fmt.Sprintf("%s is not reached: %s", unreachable.URL, innermost(unreachable))}
	var dns *net.DNSError
	switch {
	case f.Setup.Proxy != "":
		found.Evidence = []string{"API calls go through the proxy " + f.Setup.Proxy}
		found.Fix.Words = "check HTTPS_PROXY, or put the API's host into NO_PROXY"
	case errors.As(unreachable, &dns):
		found.Fix.Words = fmt.Sprintf("check auth_url; does %s need a VPN to be known here?", dns.Name)
	default:
		found.Fix.Words = "start the VPN, or set HTTPS_PROXY, if this cloud needs one"
	}
	return found
}

func (f *Facts) apiUnreachable() *openstack.UnreachableError {
	var unreachable *openstack.UnreachableError
	if errors.As(errors.Join(f.Setup.SignIn, f.Nova.Lookup), &unreachable) {
		return unreachable
	}
	return nil
}

func findAuthType(f *Facts) *Finding {
	var unsupported *openstack.AuthTypeError
	if !errors.As(f.Setup.Err, &unsupported) {
		return nil
	}
	found := &Finding{Confidence: Certain, What: fmt.Sprintf("auth_type %s of cloud %q is not supported", unsupported.Type, unsupported.Cloud)}
	found.Fix.Words = "make an application credential in the dashboard, and auth_type: v3applicationcredential in clouds.yaml"
	if unsupported.Instead != "" && unsupported.Instead != openstack.AuthApplicationCredential {
		found.Fix.Words = fmt.Sprintf("auth_type: %s in clouds.yaml", unsupported.Instead)
	}
	return found
}

func isAuthType(err error) bool {
	var unsupported *openstack.AuthTypeError
	return errors.As(err, &unsupported)
}

func findSSHConfig(f *Facts) *Finding {
	if f.Setup.SSHConfig == nil {
		return nil
	}
	found := &Finding{Confidence: Certain, What: f.Setup.SSHConfig.Error(), Fix: Fix{Words: "correct that line"}}
	var mode *sshconfig.PermissionError
	if errors.As(f.Setup.SSHConfig, &mode) {
		found.Fix = Fix{Command: "chmod 600 " + terminal.Quote(mode.Path), Harmless: true}
	}
	return found
}

func findTokenExpired(f *Facts) *Finding {
	refused := f.tokenRefused()
	if refused == nil || refused.AuthType == openstack.AuthApplicationCredential {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("%s refuses the token of cloud %q: it has ended or was revoked", refused.Service, f.Setup.Cloud),
		Fix:        Fix{Command: "osssh --no-cache " + terminal.Quote(f.Name), Words: "signs in anew; a token of your own (auth_type v3token) must be issued anew"},
	}
}

// innermost is the short reason at the end of a chain of errors.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
