package openstack

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// SettingError means that a cloud's settings, all files and variables taken
// together, lack something or contradict each other. The value is not in it:
// it may be a secret.
type SettingError struct {
	Cloud string
	Key   string // as in clouds.yaml, such as "auth.auth_url"
	Err   error
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("cloud %q: %s: %v", e.Cloud, e.Key, e.Err)
}

func (e *SettingError) Unwrap() error { return e.Err }

// What a SettingError may wrap.
var (
	ErrMissing      = errors.New("missing")
	ErrNotAURL      = errors.New("not an http or https URL")
	ErrNotInterface = errors.New("neither public, internal nor admin")
	ErrFixedProject = errors.New("an application credential is for one project, which cannot be changed")
	ErrTwice        = errors.New("set for more than one network")
	ErrBothForms    = errors.New("networks and its deprecated form are both there")
)

// settings reads the merged settings of one cloud and keeps the first error.
type settings struct {
	cloud   string
	values  tree
	options Options
	err     error
}

func (s *settings) fail(key string, err error) {
	if s.err == nil {
		s.err = &SettingError{Cloud: s.cloud, Key: key, Err: err}
	}
}

// text gives the first of the settings that is there.
func (s *settings) text(keys ...string) string {
	for _, key := range keys {
		value, err := text(s.values[key])
		if err != nil {
			s.fail(key, err)
		}
		if value != "" {
			return value
		}
	}
	return ""
}

func (s *settings) path(key string) string {
	path := s.text(key)
	if path == "" {
		return ""
	}
	return s.options.absolute(path)
}

// regions are the names that merged has left of them.
func (s *settings) regions() (names []string) {
	listed, _ := s.values["regions"].([]any)
	for _, item := range listed {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// cloud reads merged settings.
func (c *configuration) cloud(name string, merged tree) (*Cloud, error) {
	s := &settings{cloud: name, values: merged, options: c.options}
	cloud := &Cloud{
		Name:      name,
		Region:    s.text("region_name"),
		Regions:   s.regions(),
		Interface: s.iface("interface"),
		TLS:       s.tls(),
		Networks:  s.networks(),
		Private:   boolean(merged["private"]),
		ForceIPv4: c.forceIPv4(merged),
		Services:  s.services(),
		Files:     c.files,
	}
	if cloud.Interface == "" {
		cloud.Interface = "public"
	}
	auth := s.auth(c)
	cloud.Auth = auth.read()
	cloud.AuthURL = auth.url()
	if s.err == nil {
		s.err = auth.err
	}
	if s.err != nil {
		return nil, s.err
	}
	return cloud, nil
}

// iface reads an endpoint interface; "publicURL" is keystone v2's name for "public".
func (s *settings) iface(keys ...string) string {
	value := strings.TrimSuffix(s.text(keys...), "URL")
	switch value {
	case "", "public", "internal", "admin":
		return value
	}
	s.fail(keys[0], ErrNotInterface)
	return ""
}

// tls reads how certificates are verified; `insecure` goes before all else.
func (s *settings) tls() TLS {
	verify, set := s.values["verify"]
	off := set && verify != nil && isFalse(verify)
	return TLS{
		Insecure: boolean(s.values["insecure"]) || off,
		CACert:   s.path("cacert"),
		Cert:     s.path("cert"),
		Key:      s.path("key"),
	}
}

// isFalse reads a setting that is true unless it says otherwise.
func isFalse(value any) bool {
	word, err := text(value)
	if err != nil {
		return false
	}
	switch strings.ToLower(word) {
	case "false", "no", "off":
		return true
	}
	return false
}

// services reads what is set for single services, under all their names.
func (s *settings) services() map[string]ServiceConfig {
	out := map[string]ServiceConfig{}
	for _, service := range []service{compute, network, images, volumes} {
		var endpoint, region, iface []string
		for _, alias := range service.aliases() {
			prefix := strings.ReplaceAll(alias, "-", "_")
			endpoint = append(endpoint, prefix+"_endpoint_override", prefix+"_endpoint")
			region = append(region, prefix+"_region_name")
			iface = append(iface, prefix+"_interface")
		}
		own := ServiceConfig{Endpoint: s.text(endpoint...), Region: s.text(region...), Interface: s.iface(iface...)}
		if own.Endpoint != "" && !isHTTP(own.Endpoint) {
			s.fail(endpoint[0], ErrNotAURL)
		}
		if own != (ServiceConfig{}) {
			out[string(service)] = own
		}
	}
	return out
}

func isHTTP(text string) bool {
	u, err := url.Parse(strings.ReplaceAll(text, "%(", "("))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// forceIPv4 reads the switch of one cloud, else that of all.
func (c *configuration) forceIPv4(merged tree) bool {
	if value, ok := merged["prefer_ipv6"]; ok && value != nil && !boolean(value) {
		return true
	}
	if value, ok := merged["force_ipv4"]; ok {
		return boolean(value)
	}
	client := underscored(c.client)
	force, prefer := client["force_ipv4"], client["prefer_ipv6"]
	if force == nil {
		force = client["broken_ipv6"]
	}
	if value := c.options.env("OS_FORCE_IPV4"); value != "" {
		force = value
	}
	if value := c.options.env("OS_PREFER_IPV6"); value != "" {
		prefer = value
	}
	return boolean(force) || prefer != nil && !boolean(prefer)
}
