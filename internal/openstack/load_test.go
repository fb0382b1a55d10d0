package openstack

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// home writes files under a fresh directory and gives options that know no
// other place: work is the working directory, home the home directory.
func home(t *testing.T, files, env map[string]string) Options {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"work", "home"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Options{
		Dir:  filepath.Join(root, "work"),
		Home: filepath.Join(root, "home"),
		Env: func(name string) string {
			return strings.ReplaceAll(env[name], "ROOT", root)
		},
	}
}

// minimal is a cloud that needs nothing more to be loaded.
const minimal = "{auth: {auth_url: 'http://k/v3', username: u, password: p, project_name: x}}"

func TestLoad(t *testing.T) {
	stock := map[string]string{ // what Horizon's openrc exports
		"OS_AUTH_URL": "https://k:5000/v3", "OS_PROJECT_ID": "pid", "OS_PROJECT_NAME": "proj",
		"OS_USER_DOMAIN_NAME": "Users", "OS_PROJECT_DOMAIN_ID": "default", "OS_USERNAME": "me",
		"OS_PASSWORD": "pw", "OS_REGION_NAME": "R1", "OS_INTERFACE": "public", "OS_IDENTITY_API_VERSION": "3",
	}
	with := func(extra ...string) map[string]string {
		env := map[string]string{}
		for k, v := range stock {
			env[k] = v
		}
		for i := 0; i < len(extra); i += 2 {
			env[extra[i]] = extra[i+1]
		}
		return env
	}
	tests := []struct {
		name   string
		files  map[string]string
		env    map[string]string
		change func(*Options)
		want   func(*Cloud) any
		equals any
	}{
		{"the only cloud is the default",
			map[string]string{"work/clouds.yaml": "clouds: {one: " + minimal + "}"}, nil, nil,
			func(c *Cloud) any { return c.Name }, "one"},
		{"OS_CLOUD chooses",
			map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + ", b: " + minimal + "}"},
			map[string]string{"OS_CLOUD": "b"}, nil,
			func(c *Cloud) any { return c.Name }, "b"},
		{"the flag goes before OS_CLOUD",
			map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + ", b: " + minimal + "}"},
			map[string]string{"OS_CLOUD": "b"}, func(o *Options) { o.Cloud = "a" },
			func(c *Cloud) any { return c.Name }, "a"},
		{"OS_CLIENT_CONFIG_FILE goes before the working directory",
			map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + "}", "other.yaml": "clouds: {b: " + minimal + "}"},
			map[string]string{"OS_CLIENT_CONFIG_FILE": "ROOT/other.yaml"}, nil,
			func(c *Cloud) any { return c.Name }, "b"},
		{"a named file that is not there is passed over",
			map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + "}"},
			map[string]string{"OS_CLIENT_CONFIG_FILE": "ROOT/none.yaml"}, nil,
			func(c *Cloud) any { return c.Name }, "a"},
		{"the working directory goes before the home",
			map[string]string{"work/clouds.yml": "clouds: {a: " + minimal + "}", "home/.config/openstack/clouds.yaml": "clouds: {b: " + minimal + "}"}, nil, nil,
			func(c *Cloud) any { return c.Name }, "a"},
		{"the home's .config",
			map[string]string{"home/.config/openstack/clouds.yaml": "clouds: {b: " + minimal + "}"}, nil, nil,
			func(c *Cloud) any { return c.Name }, "b"},
		{"JSON",
			map[string]string{"work/clouds.json": "{\"clouds\":{\"j\":\t{\"verify\": false, \"auth\":{\"auth_url\":\"http://k\",\"username\":\"u\",\"password\":12345678901234567890}}}}"}, nil, nil,
			func(c *Cloud) any { return []any{c.Name, string(c.Auth.Password), c.TLS.Insecure} },
			[]any{"j", "12345678901234567890", true}},
		{"an empty file is no cloud beside an openrc",
			map[string]string{"work/clouds.yaml": ""}, stock, nil,
			func(c *Cloud) any { return c.Name }, "envvars"},
		{"secure.yaml, from another place",
			map[string]string{
				"work/clouds.yaml":                  "clouds: {a: {auth: {auth_url: 'http://k', username: u, password: old}}}",
				"home/.config/openstack/secure.yml": "clouds: {a: {auth: {password: new}}}",
			}, nil, nil,
			func(c *Cloud) any { return []any{string(c.Auth.Password), c.Auth.Username, len(c.Files)} }, []any{"new", "u", 2}},
		{"OS_CLIENT_SECURE_FILE",
			map[string]string{
				"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', username: u}}}",
				"work/secure.yaml": "clouds: {a: {auth: {password: near}}}",
				"vault.yaml":       "clouds: {a: {auth: {password: vault}}}",
			}, map[string]string{"OS_CLIENT_SECURE_FILE": "../vault.yaml"}, nil,
			func(c *Cloud) any { return string(c.Auth.Password) }, "vault"},
		{"a profile of clouds-public.yaml, overridden by the cloud",
			map[string]string{
				"work/clouds.yaml":                          "clouds: {a: {profile: vendor, interface: internal, auth: {username: u}}}",
				"home/.config/openstack/clouds-public.yaml": "public-clouds: {vendor: {interface: admin, region-name: V, auth: {auth_url: 'http://vendor/v3', username: nobody}}}",
			}, nil, nil,
			func(c *Cloud) any { return []string{c.AuthURL, c.Auth.Username, c.Interface, c.Region} },
			[]string{"http://vendor/v3", "u", "internal", "V"}},
		{"endpoint_type is interface's old name, and goes before the profile's",
			map[string]string{
				"work/clouds.yaml":        "clouds: {a: {profile: v, endpoint-type: adminURL, auth: {username: u}}}",
				"work/clouds-public.yaml": "public-clouds: {v: {interface: internal, auth: {auth_url: 'http://k'}}}",
			}, nil, nil,
			func(c *Cloud) any { return c.Interface }, "admin"},
		{"the profile's old key",
			map[string]string{
				"work/clouds.yaml":        "clouds: {a: {cloud: vendor, auth: {username: u}}}",
				"work/clouds-public.yaml": "public-clouds: {vendor: {auth: {auth_url: 'http://vendor/v3'}}}",
			}, nil, nil,
			func(c *Cloud) any { return c.AuthURL }, "http://vendor/v3"},

		{"a stock openrc", nil, stock, nil,
			func(c *Cloud) any { return []any{c.Name, c.Region, c.Interface, c.AuthURL, c.Auth} },
			[]any{"envvars", "R1", "public", "https://k:5000/v3", Auth{
				Type: AuthPassword, Username: "me", UserDomainName: "Users", Password: "pw",
				ProjectID: "pid", ProjectName: "proj", ProjectDomainID: "default",
			}}},
		{"an openrc goes before the only cloud",
			map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + "}"}, stock, nil,
			func(c *Cloud) any { return c.Name }, "envvars"},
		{"OS_CLOUD goes before an openrc, whose other variables are not the cloud's",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', username: u}}}"}, with("OS_CLOUD", "a"), nil,
			func(c *Cloud) any { return []string{c.Name, c.Region, c.Auth.ProjectName, string(c.Auth.Password)} },
			[]string{"a", "", "", ""}},
		{"OS_CLOUD_NAME", nil, with("OS_CLOUD_NAME", "mine"), nil,
			func(c *Cloud) any { return c.Name }, "mine"},
		{"an openrc for an application credential", nil, map[string]string{
			"OS_AUTH_TYPE": "v3applicationcredential", "OS_AUTH_URL": "http://k:5000", "OS_APPLICATION_CREDENTIAL_ID": "id",
			"OS_APPLICATION_CREDENTIAL_SECRET": "s", "OS_ENDPOINT_TYPE": "internalURL", "OS_CACERT": "ROOT/ca.pem", "OS_INSECURE": "true",
		}, nil,
			func(c *Cloud) any {
				return []any{c.Auth.Type, c.Interface, filepath.Base(c.TLS.CACert), c.TLS.Insecure}
			},
			[]any{AuthApplicationCredential, "internal", "ca.pem", true}},
		{"a token", nil, map[string]string{"OS_AUTH_URL": "http://k", "OS_TOKEN": "t", "OS_PROJECT_ID": "p"}, nil,
			func(c *Cloud) any { return []any{c.Auth.Type, string(c.Auth.Token)} }, []any{AuthToken, "t"}},
		{"OS_TENANT_NAME and a v2.0 left over", nil, map[string]string{"OS_AUTH_URL": "http://k:5000/v2.0/", "OS_USERNAME": "u", "OS_TENANT_NAME": "t"}, nil,
			func(c *Cloud) any { return []string{c.AuthURL, c.Auth.ProjectName, c.Auth.ProjectDomainID} },
			[]string{"http://k:5000/v3", "t", "default"}},
		{"the environment changes a cloud of the file and gives its password",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', username: u, project_id: old, user_domain_name: D}}}"},
			map[string]string{"OS_PROJECT_NAME": "new", "OS_INTERFACE": "admin", "OS_REGION_NAME": "R", "OS_PASSWORD": "pw"}, nil,
			func(c *Cloud) any {
				return []string{c.Auth.ProjectName, c.Auth.ProjectID, c.Auth.ProjectDomainName, c.Interface, c.Region, string(c.Auth.Password)}
			},
			[]string{"new", "", "D", "admin", "R", "pw"}},
		{"flags go before the environment and the file",
			map[string]string{"work/clouds.yaml": "clouds: {a: {interface: admin, auth: {auth_url: 'http://k', username: u, project_name: old}}}"},
			map[string]string{"OS_PROJECT_NAME": "env", "OS_INTERFACE": "public", "OS_REGION_NAME": "env"},
			func(o *Options) { o.Project, o.Interface, o.Region = "flag", "internal", "FLAG" },
			func(c *Cloud) any { return []string{c.Auth.ProjectName, c.Interface, c.Region} }, []string{"flag", "internal", "FLAG"}},

		{"keys outside of auth",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth-url: 'http://k', username: out, tenant-name: outer, auth: {username: in, project_name: inner, password: p}}}"}, nil, nil,
			func(c *Cloud) any { return []string{c.AuthURL, c.Auth.Username, c.Auth.ProjectName} },
			// project_name is the later of its two names, so it wins even from inside
			[]string{"http://k", "in", "inner"}},
		{"the outer project wins under one name",
			map[string]string{"work/clouds.yaml": "clouds: {a: {project_name: outer, auth: {auth_url: 'http://k', username: u, project_name: inner}}}"}, nil, nil,
			func(c *Cloud) any { return c.Auth.ProjectName }, "outer"},
		{"one domain for both",
			map[string]string{"work/clouds.yaml": "clouds: {a: {domain_id: d, auth: {auth_url: 'http://k', username: u, project_name: p, user_domain_name: own}}}"}, nil, nil,
			func(c *Cloud) any {
				return []string{c.Auth.UserDomainID, c.Auth.UserDomainName, c.Auth.ProjectDomainID, c.Auth.DomainID}
			},
			[]string{"d", "own", "d", ""}},
		{"a domain is the scope where there is no project",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', username: u, domain_name: d, user_domain_id: x}}}"}, nil, nil,
			func(c *Cloud) any { return []string{c.Auth.DomainName, c.Auth.ProjectDomainID} }, []string{"d", ""}},
		{"system scope and trust",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', user_id: u, system_scope: all, trust_id: t}}}"}, nil, nil,
			func(c *Cloud) any { return []any{c.Auth.System, c.Auth.TrustID} }, []any{true, "t"}},
		{"scalars keep their text",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', username: 0x10, password: 0123, project_name: 2024-01-01}}}"}, nil, nil,
			func(c *Cloud) any { return []string{c.Auth.Username, string(c.Auth.Password), c.Auth.ProjectName} },
			[]string{"0x10", "0123", "2024-01-01"}},
		{"anchors and merge keys",
			map[string]string{"work/clouds.yaml": "x-base: &base\n  interface: internal\n  auth: &auth {auth_url: 'http://k', username: base}\nclouds:\n  a:\n    <<: *base\n    auth:\n      <<: [*auth]\n      username: own\n"}, nil, nil,
			func(c *Cloud) any { return []string{c.Interface, c.AuthURL, c.Auth.Username} }, []string{"internal", "http://k", "own"}},

		{"the first region is the default, with its values",
			map[string]string{"work/clouds.yaml": "clouds: {a: {regions: [{name: R1, values: {interface: internal, auth: {username: r1}}}, R2], auth: {auth_url: 'http://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return []string{c.Region, c.Interface, c.Auth.Username} }, []string{"R1", "internal", "r1"}},
		{"another region",
			map[string]string{"work/clouds.yaml": "clouds: {a: {regions: [{name: R1, values: {interface: internal}}, R2], auth: {auth_url: 'http://{region_name}.k', username: u}}}"}, nil,
			func(o *Options) { o.Region = "R2" },
			func(c *Cloud) any { return []string{c.Region, c.Interface, c.AuthURL} }, []string{"R2", "public", "http://R2.k"}},
		{"the regions that can be asked for",
			map[string]string{"work/clouds.yaml": "clouds: {a: {regions: [{name: R1, values: {interface: internal}}, R2], auth: {auth_url: 'http://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return c.Regions }, []string{"R1", "R2"}},
		{"any region can be asked for",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', username: u}}}"}, nil,
			func(o *Options) { o.Region = "R2" },
			func(c *Cloud) any { return [][]string{{c.Region}, c.Regions} }, [][]string{{"R2"}, nil}},
		{"region_name as a list, and with commas",
			map[string]string{"work/clouds.yaml": "clouds: {a: {region_name: [A, B], auth: {auth_url: 'http://k', username: u}}, b: {region_name: 'A, B', auth: {auth_url: 'http://k', username: u}}}"},
			map[string]string{"OS_CLOUD": "b", "OS_REGION_NAME": "B"}, nil,
			func(c *Cloud) any { return c.Region }, "B"},
		{"the cloud's region goes before the profile's list",
			map[string]string{
				"work/clouds.yaml":        "clouds: {a: {profile: v, region_name: Mine, auth: {username: u}}}",
				"work/clouds-public.yaml": "public-clouds: {v: {regions: [X, Y], auth: {auth_url: 'http://k'}}}",
			}, nil, nil,
			func(c *Cloud) any { return c.Region }, "Mine"},
		{"braces in a password are its own",
			map[string]string{"work/clouds.yaml": "clouds: {a: {region_name: R, password: 'x{region_name}', auth: {auth_url: 'http://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return string(c.Auth.Password) }, "x{region_name}"},

		{"verify: no",
			map[string]string{"work/clouds.yaml": "clouds: {a: {verify: no, cacert: ~/ca.pem, cert: c.pem, key: /k.pem, auth: {auth_url: 'https://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any {
				return []any{c.TLS.Insecure, filepath.Base(filepath.Dir(c.TLS.CACert)), filepath.Base(filepath.Dir(c.TLS.Cert)), filepath.ToSlash(c.TLS.Key)}
			},
			[]any{true, "home", "work", "/k.pem"}},
		{"insecure in quotes",
			map[string]string{"work/clouds.yaml": "clouds: {a: {insecure: 'yes', verify: true, auth: {auth_url: 'https://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return c.TLS.Insecure }, false},
		{"single services",
			map[string]string{"work/clouds.yaml": "clouds: {a: {volumev3_endpoint_override: 'http://v/v3/%(project_id)s', network-region-name: N, compute_endpoint_type: adminURL, auth: {auth_url: 'https://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return c.Services },
			map[string]ServiceConfig{
				"block-storage": {Endpoint: "http://v/v3/%(project_id)s"}, "network": {Region: "N"}, "compute": {Interface: "admin"},
			}},
		{"networks",
			map[string]string{"work/clouds.yaml": "clouds: {a: {private: true, networks: [{name: ext, routes_externally: true, routes_ipv6_externally: false, default_interface: true}, {id: int, nat_destination: yes}], auth: {auth_url: 'https://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return []any{c.Private, c.Networks} },
			[]any{true, []NetworkConfig{{Name: "ext", RoutesIPv4Externally: true, DefaultInterface: true}, {Name: "int", NATDestination: true}}}},
		{"deprecated names of networks",
			map[string]string{"work/clouds.yaml": "clouds: {a: {external_network: e, internal_network: i, auth: {auth_url: 'https://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return c.Networks },
			[]NetworkConfig{{Name: "e", RoutesIPv4Externally: true, RoutesIPv6Externally: true, DefaultInterface: true}, {Name: "i", NATDestination: true}}},
		{"force_ipv4 of the client section",
			map[string]string{"work/clouds.yaml": "client: {force_ipv4: true}\nclouds: {a: " + minimal + "}"}, nil, nil,
			func(c *Cloud) any { return c.ForceIPv4 }, true},
		{"force_ipv4 of the cloud goes before the client section",
			map[string]string{"work/clouds.yaml": "client: {force_ipv4: true}\nclouds: {a: {force_ipv4: false, auth: {auth_url: 'https://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return c.ForceIPv4 }, false},
		{"OS_FORCE_IPV4", map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + "}"}, map[string]string{"OS_FORCE_IPV4": "True"}, nil,
			func(c *Cloud) any { return c.ForceIPv4 }, true},
		{"prefer_ipv6: false", map[string]string{"work/clouds.yaml": "client: {prefer-ipv6: false}\nclouds: {a: " + minimal + "}"}, nil, nil,
			func(c *Cloud) any { return c.ForceIPv4 }, true},

		{"auth_type is implied by an application credential",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth: {auth_url: 'http://k', application_credential_id: i, application_credential_secret: s}}}"}, nil, nil,
			func(c *Cloud) any { return c.Auth.Type }, AuthApplicationCredential},
		{"v3totp",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth_type: v3totp, auth: {auth_url: 'http://k', username: u, passcode: 012345}}}"}, nil, nil,
			func(c *Cloud) any { return []any{c.Auth.Type, string(c.Auth.Passcode)} }, []any{AuthTOTP, "012345"}},
		{"v3multifactor",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth_type: v3multifactor, auth_methods: [v3totp, v3password], auth: {auth_url: 'http://k', username: u}}}"}, nil, nil,
			func(c *Cloud) any { return c.Auth.Type }, AuthPasswordAndTOTP},
		{"auth_plugin is auth_type's old name",
			map[string]string{"work/clouds.yaml": "clouds: {a: {auth_plugin: v3token, auth: {auth_url: 'http://k', token: t}}}"}, nil, nil,
			func(c *Cloud) any { return c.Auth.Type }, AuthToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := home(t, test.files, test.env)
			if test.change != nil {
				test.change(&o)
			}
			cloud, err := Load(o)
			if err != nil {
				t.Fatal(err)
			}
			if got := test.want(cloud); !reflect.DeepEqual(got, test.equals) {
				t.Errorf("got %#v, want %#v", got, test.equals)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	one := func(settings string) map[string]string {
		return map[string]string{"work/clouds.yaml": "clouds: {a: {" + settings + "}}"}
	}
	const login = "auth: {auth_url: 'http://k', username: u}"
	tests := []struct {
		name   string
		files  map[string]string
		env    map[string]string
		change func(*Options)
		want   error // its non-zero fields must be found
	}{
		{"nothing at all", nil, nil, nil, &NoCloudsError{}},
		{"nothing but a name", nil, map[string]string{"OS_CLOUD": "x"}, nil, &NoCloudsError{}},
		{"unknown cloud", one(login), map[string]string{"OS_CLOUD": "x"}, nil, &UnknownCloudError{Cloud: "x", Clouds: []string{"a"}}},
		{"none chosen of two", map[string]string{"work/clouds.yaml": "clouds: {b: {}, a: {}}"}, nil, nil, &UnknownCloudError{Clouds: []string{"a", "b"}}},
		{"broken YAML", map[string]string{"work/clouds.yaml": "clouds:\n  a:\n    auth: {\n  b: ]\n"}, nil, nil, &ConfigError{Line: 3}},
		{"broken JSON", map[string]string{"work/clouds.json": "{\n\"clouds\": {\n]"}, nil, nil, &ConfigError{Line: 3}},
		{"broken secure.yaml", map[string]string{"work/clouds.yaml": "clouds: {a: " + minimal + "}", "work/secure.yaml": "\t"}, nil, nil, &ConfigError{}},
		{"not a mapping", map[string]string{"work/clouds.yaml": "- a"}, nil, nil, &ConfigError{Line: 1}},
		{"clouds is a list", map[string]string{"work/clouds.yaml": "clouds: [a]"}, nil, nil, &ConfigError{Key: "clouds"}},
		{"a cloud is a text", map[string]string{"work/clouds.yaml": "clouds: {a: b}"}, nil, nil, &ConfigError{Key: "clouds.a"}},
		{"auth is a text", one("auth: secret"), nil, nil, &ConfigError{Key: "clouds.a.auth"}},
		{"a directory in the file's place", map[string]string{"work/clouds.yaml/x": ""}, nil, nil, &ConfigError{Err: errNotRegular}},
		{"a bomb of aliases", map[string]string{"work/clouds.yaml": bomb()}, nil, nil, &ConfigError{Err: errTooMany}},
		{"an alias of its own parent", map[string]string{"work/clouds.yaml": "clouds: &a {b: *a}"}, nil, nil, &ConfigError{Err: errTooDeep}},
		{"the variables' cloud is in the file too", map[string]string{"work/clouds.yaml": "clouds: {envvars: {}}"},
			map[string]string{"OS_AUTH_URL": "http://k"}, nil, &ConfigError{Key: "clouds.envvars"}},
		{"unknown profile", one("profile: ovh, " + login), nil, nil, &UnknownProfileError{Cloud: "a", Profile: "ovh"}},
		{"unknown region", one("regions: [R1, R2], " + login), nil, func(o *Options) { o.Region = "r1" },
			&UnknownRegionError{Cloud: "a", Region: "r1", Regions: []string{"R1", "R2"}}},
		{"a region that is no region", one("regions: [{nam: x}], " + login), nil, nil, &ConfigError{Err: errRegionEntry}},
		{"an auth of a region that is none", one("regions: [{name: x, values: {auth: y}}], " + login), nil, nil, &ConfigError{Err: errRegionEntry}},
		{"no auth at all", one(""), nil, nil, &SettingError{Cloud: "a", Key: "auth.username", Err: ErrMissing}},
		{"no auth_url", one("auth: {username: u}"), nil, nil, &SettingError{Key: "auth.auth_url", Err: ErrMissing}},
		{"auth_url of another kind", one("auth: {auth_url: 'k:5000', username: u}"), nil, nil, &SettingError{Key: "auth.auth_url", Err: ErrNotAURL}},
		{"a user name that is a list", one("auth: {auth_url: 'http://k', username: [u]}"), nil, nil, &SettingError{Key: "username"}},
		{"interface", one("interface: pubic, " + login), nil, nil, &SettingError{Key: "interface", Err: ErrNotInterface}},
		{"an override that is no URL", one("compute_endpoint_override: x, " + login), nil, nil, &SettingError{Err: ErrNotAURL}},
		{"networks twice default", one("networks: [{name: a, default_interface: true}, {name: b, default_interface: true}], " + login), nil, nil,
			&SettingError{Key: "networks.default_interface", Err: ErrTwice}},
		{"a network without a name", one("networks: [{nat_source: true}], " + login), nil, nil, &SettingError{Key: "networks.name", Err: ErrMissing}},
		{"networks in both forms", one("networks: [{name: a}], external_network: b, " + login), nil, nil, &SettingError{Err: ErrBothForms}},
		{"networks are no list", one("networks: a, " + login), nil, nil, &SettingError{Err: errNotList}},
		{"another project for an application credential", one("auth: {auth_url: 'http://k', application_credential_id: i}"), nil,
			func(o *Options) { o.Project = "p" }, &SettingError{Err: ErrFixedProject}},
		{"an application credential's name without its user", one("auth: {auth_url: 'http://k', application_credential_name: i}"), nil, nil,
			&SettingError{Key: "auth.username", Err: ErrMissing}},
		{"v3multifactor of other methods", one("auth_type: v3multifactor, auth_methods: 'v3password,v3oidcpassword', " + login), nil, nil, &SettingError{Key: "auth_methods"}},
		{"v2password", one("auth_type: v2password, " + login), nil, nil, &AuthTypeError{Type: "v2password", Instead: AuthPassword}},
		{"identity API 2", one("identity_api_version: 2.0, " + login), nil, nil, &AuthTypeError{Type: "v2password", Instead: AuthPassword}},
	}
	for _, name := range []string{
		"v3oidcpassword", "v3oidcclientcredentials", "v3oidcauthcode", "v3oidcaccesstoken", "v3oidcdeviceauthz",
		"v3samlpassword", "v3adfspassword", "v3kerberos", "v3fedkerb", "v3oauth1", "v3oauth2clientcredential",
		"v3tokenlessauth", "v3websso", "http_basic", "none", "admin_token", "token_endpoint", "passwrd",
	} {
		tests = append(tests, struct {
			name   string
			files  map[string]string
			env    map[string]string
			change func(*Options)
			want   error
		}{"auth_type " + name, one("auth_type: " + name + ", " + login), nil, nil, &AuthTypeError{Cloud: "a", Type: name, Instead: AuthApplicationCredential}})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := home(t, test.files, test.env)
			if test.change != nil {
				test.change(&o)
			}
			_, err := Load(o)
			if !sameFacts(err, test.want) {
				t.Fatalf("got %T %v, want %#v", err, err, test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a value of the file stands in %q", err)
			}
		})
	}
}

// sameFacts tells whether an error is of want's type and has its non-zero fields.
func sameFacts(err, want error) bool {
	if err == nil || reflect.TypeOf(err) != reflect.TypeOf(want) {
		return false
	}
	got, expected := reflect.ValueOf(err).Elem(), reflect.ValueOf(want).Elem()
	for i := range expected.NumField() {
		if expected.Field(i).IsZero() {
			continue
		}
		a, b := got.Field(i).Interface(), expected.Field(i).Interface()
		if e, ok := b.(error); ok {
			if !errors.Is(a.(error), e) {
				return false
			}
		} else if !reflect.DeepEqual(a, b) {
			return false
		}
	}
	return true
}

// bomb is a file that aliases make 10^12 values long.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		one := "*a" + string(rune('a'+i-1))
		if i == 1 {
			one = "*a0"
		}
		b.WriteString("k" + string(rune('a'+i)) + ": &a" + string(rune('a'+i)) + " [" + strings.Repeat(one+", ", 9) + one + "]\n")
	}
	return b.String()
}

func TestNoCloudsSaysWhereItLooked(t *testing.T) {
	o := home(t, nil, map[string]string{"OS_CLIENT_CONFIG_FILE": "mine.yaml"})
	_, err := Load(o)
	var none *NoCloudsError
	if !errors.As(err, &none) {
		t.Fatalf("got %v", err)
	}
	for _, path := range []string{
		filepath.Join(o.Dir, "mine.yaml"), filepath.Join(o.Dir, "clouds.yaml"),
		filepath.Join(o.Home, ".config", "openstack", "clouds.yaml"),
	} {
		if !slices.Contains(none.Searched, path) {
			t.Errorf("%s is not among %q", path, none.Searched)
		}
	}
}

func TestSearchPath(t *testing.T) {
	env := map[string]string{"XDG_CONFIG_HOME": "/xdg", "XDG_CONFIG_DIRS": "/e1" + string(filepath.ListSeparator) + "/e2", "LOCALAPPDATA": "/local", "PROGRAMDATA": "/all"}
	o := Options{Dir: "/work", Home: "/home", Env: func(k string) string { return env[k] }}
	tests := map[string][]string{
		"linux":   {"/work", "/xdg/openstack", "/home/.config/openstack", "/e1/openstack", "/e2/openstack", "/etc/openstack"},
		"darwin":  {"/work", "/home/Library/Application Support/openstack", "/home/.config/openstack", "/Library/Application Support/openstack", "/etc/openstack"},
		"windows": {"/work", "/local/OpenStack/openstack", "/home/.config/openstack", "/all/OpenStack/openstack", "/etc/openstack"},
	}
	for goos, want := range tests {
		got := o.searchPath(goos)
		for i := range got {
			got[i] = filepath.ToSlash(got[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", goos, got, want)
		}
	}
}

func TestCloudNames(t *testing.T) {
	o := home(t, map[string]string{"work/clouds.yaml": "clouds: {b: {}, a: }", "work/secure.yaml": "clouds: {c: {}}"}, map[string]string{"OS_AUTH_URL": "http://k"})
	names, err := CloudNames(o)
	if err != nil || !slices.Equal(names, []string{"a", "b", "c", "envvars"}) {
		t.Errorf("got %q, %v", names, err)
	}
	if names, err := CloudNames(home(t, nil, map[string]string{"OS_CLOUD": "a"})); err != nil || len(names) != 0 {
		t.Errorf("without a file: got %q, %v", names, err)
	}
}
