package openstack

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func FuzzLoad(f *testing.F) {
	f.Add([]byte("clouds: {a: " + minimal + "}"))
	f.Add([]byte("x: &x {auth: {auth_url: http://k}}\nclouds:\n  a:\n    <<: *x\n    regions: [R, {name: S, values: {verify: no}}]\n    networks: [{name: n}]\n"))
	f.Add([]byte("clouds: &a {b: *a}"))
	f.Add([]byte(bomb()))
	f.Add([]byte("clouds: {a: {profile: [], auth: {auth_url: 'http://{region_name}', token: 1}}}"))
	dir := f.TempDir()
	path := filepath.Join(dir, "clouds.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		// No other file is found: the fuzzer must not read this machine's.
		o := Options{Cloud: "a", Dir: dir, Env: func(name string) string {
			return map[string]string{"OS_CLIENT_CONFIG_FILE": path, "XDG_CONFIG_DIRS": dir}[name]
		}}
		cloud, err := Load(o)
		if (cloud == nil) == (err == nil) {
			t.Fatalf("got %v and %v", cloud, err)
		}
		if err != nil && !isTyped(err) {
			t.Errorf("%T is none of this package's errors: %v", err, err)
		}
	})
}

func isTyped(err error) bool {
	for _, target := range []any{
		new(*ConfigError), new(*NoCloudsError), new(*UnknownCloudError), new(*UnknownRegionError),
		new(*UnknownProfileError), new(*AuthTypeError), new(*SettingError),
	} {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

// FuzzRecords decodes each record, and decodes what it encodes to the same.
func FuzzRecords(f *testing.F) {
	for _, seed := range []string{
		`{"id": "x", "image": "", "created": "2026-01-02T03:04:05Z", "addresses": {"n": [{"addr": "10.0.0.1"}]}, "fault": {"code": 500}}`,
		`{"id": "x", "image": {"id": "i", "properties": {"a": 1}}, "OS-EXT-STS:power_state": 1}`,
		`{"fixed_ips": [{"ip_address": "fd00::1", "subnet_id": "s"}], "port_security_enabled": false, "binding:vif_details": {"port_filter": true}}`,
		`{"floating_ip_address": "198.51.100.1", "fixed_ip_address": null, "port_forwardings": [{"external_port": 2222, "internal_ip_address": "10.0.0.1"}]}`,
		`{"security_group_rules": [{"protocol": "tcp", "port_range_min": 22, "created_at": "2026-01-02T03:04:05"}], "stateful": false}`,
		`{"cidr": "10.0.0.0/24", "gateway_ip": null}`, `{"created_at": null}`, `{"start_time": ""}`, `[]`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, record := range []any{
			new(Server), new(Interface), new(Action), new(Keypair), new(Port), new(FloatingIP), new(Network),
			new(Subnet), new(SecurityGroup), new(AddressGroup), new(Image), new(Volume), new(session),
		} {
			out := &answer{into: record}
			if out.decode(text) != nil {
				continue
			}
			encoded, err := json.Marshal(record)
			if err != nil {
				continue // a zone or a prefix that cannot be written
			}
			again := reflect.New(reflect.TypeOf(record).Elem()).Interface()
			if err := json.Unmarshal(encoded, again); err != nil {
				t.Errorf("%T: %s does not decode: %v", record, encoded, err)
			}
		}
		_ = (&answer{key: "ports", into: new([]Port)}).decode(text)
	})
}
