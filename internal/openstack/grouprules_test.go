package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// takes answers as says does, and keeps the JSON that was sent.
func takes(into *string, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		*into = r.Method + " " + strings.TrimSpace(string(text))
		reply(w, status, body)
	}
}

// sameJSON compares "METHOD JSON" whatever the order of the fields.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	gotMethod, gotBody, _ := strings.Cut(got, " ")
	wantMethod, wantBody, _ := strings.Cut(want, " ")
	var a, b any
	if wantBody != "" {
		if err := errors.Join(json.Unmarshal([]byte(gotBody), &a), json.Unmarshal([]byte(wantBody), &b)); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
	}
	if gotMethod != wantMethod || !reflect.DeepEqual(a, b) {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

func TestCreateSecurityGroup(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	var sent string
	f.on("/network/v2.0/security-groups", takes(&sent, 201, `{"security_group": {"id": "g", "name": "osssh-web", "stateful": true,
		"security_group_rules": [{"id": "r", "direction": "egress", "ethertype": "IPv4"}]}}`))
	group, err := c.CreateSecurityGroup(t.Context(), NewSecurityGroup{Name: "osssh-web", Description: "d"})
	if err != nil || group.ID != "g" || len(group.Rules) != 1 || group.Rules[0].ID != "r" {
		t.Errorf("%+v, %v", group, err)
	}
	sameJSON(t, sent, `POST {"security_group": {"name": "osssh-web", "description": "d"}}`)

	if _, err := c.CreateSecurityGroup(t.Context(), NewSecurityGroup{Name: "n", Stateful: new(bool)}); err != nil {
		t.Error(err)
	}
	sameJSON(t, sent, `POST {"security_group": {"name": "n", "description": "", "stateful": false}}`)
}

func TestCreateSecurityGroupRule(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	var sent string
	f.on("/network/v2.0/security-group-rules", takes(&sent, 201, `{"security_group_rule": {"id": "r", "security_group_id": "g"}}`))
	rule, err := c.CreateSecurityGroupRule(t.Context(), NewSecurityGroupRule{
		SecurityGroupID: "g", Direction: "ingress", EtherType: "IPv6", Protocol: "tcp",
		PortRangeMin: 22, PortRangeMax: 22, RemoteIPPrefix: "2001:db8::/32", Description: "d",
	})
	if err != nil || rule.ID != "r" {
		t.Errorf("%+v, %v", rule, err)
	}
	sameJSON(t, sent, `POST {"security_group_rule": {"security_group_id": "g", "direction": "ingress", "ethertype": "IPv6",
		"protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "2001:db8::/32", "description": "d"}}`)
}

// The texts are neutron's own (neutron/extensions/securitygroup.py,
// neutron_lib/exceptions/__init__.py).
func TestCreationRefused(t *testing.T) {
	neutron := func(kind, message string) string {
		text, _ := json.Marshal(map[string]any{"NeutronError": map[string]string{"type": kind, "message": message, "detail": ""}})
		return string(text)
	}
	for _, test := range []struct {
		name   string
		status int
		body   string
		quota  string // what a *QuotaError names
		exists bool   // *RuleExistsError, for a rule
		code   int    // what the *APIError within has, 0: there is none
	}{
		{"rules used up", 409, neutron("OverQuota", "Quota exceeded for resources: ['security_group_rule']."), "security_group_rule", false, 409},
		{"groups used up", 409, neutron("OverQuota", "Quota exceeded for resources: ['security_group']."), "security_group", false, 409},
		{"the very rule is there", 409, neutron("SecurityGroupRuleExists", "Security group rule already exists. Rule id is 4711."), "", true, 0},
		{"a group in use", 409, neutron("SecurityGroupInUse", "Security Group g in use."), "", false, 409},
		{"forbidden", 403, neutron("PolicyNotAuthorized", "rule:create_security_group_rule is disallowed by policy"), "", false, 403},
		{"the group is gone", 404, neutron("SecurityGroupNotFound", "Security group g does not exist"), "", false, 404},
		{"a broken service", 500, `{}`, "", false, 500},
		{"a quota of another status", 413, neutron("OverQuota", "Quota exceeded for resources: ['security_group']."), "", false, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			c := f.connect(ClientOptions{})
			f.on("/network/v2.0/security-group-rules", says(test.status, test.body))
			f.on("/network/v2.0/security-groups", says(test.status, test.body))
			_, err := c.CreateSecurityGroupRule(t.Context(), NewSecurityGroupRule{SecurityGroupID: "g"})
			checkRefused(t, err, test.quota, test.code)
			var exists *RuleExistsError
			if errors.As(err, &exists) != test.exists || exists != nil && exists.GroupID != "g" {
				t.Errorf("rule: %v", err)
			}
			if _, err = c.CreateSecurityGroup(t.Context(), NewSecurityGroup{}); !test.exists {
				checkRefused(t, err, test.quota, test.code)
			}
		})
	}
}

func checkRefused(t *testing.T, err error, quota string, code int) {
	t.Helper()
	var used *QuotaError
	if errors.As(err, &used) != (quota != "") || used != nil && used.What != quota {
		t.Errorf("quota: %v", err)
	}
	var api *APIError
	if errors.As(err, &api) != (code != 0) || api != nil && api.Status != code {
		t.Errorf("want status %d: %v", code, err)
	}
}

func TestDeleteSecurityGroup(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	var sent string
	f.on("/network/v2.0/security-groups/a%2Fb", takes(&sent, 204, ""))
	f.on("/network/v2.0/security-group-rules/r", takes(&sent, 204, ""))
	if err := c.DeleteSecurityGroup(t.Context(), "a/b"); err != nil || sent != "DELETE " {
		t.Errorf("%q, %v", sent, err)
	}
	if err := c.DeleteSecurityGroupRule(t.Context(), "r"); err != nil || sent != "DELETE " {
		t.Errorf("%q, %v", sent, err)
	}
	if err := c.DeleteSecurityGroupRule(t.Context(), "gone"); !IsNotFound(err) {
		t.Error(err)
	}
}

func TestSetPortSecurityGroups(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	for want, groups := range map[string][]string{
		`PUT {"port": {"security_groups": ["g", "h"]}}`: {"g", "h"},
		`PUT {"port": {"security_groups": []}}`:         nil, // null would be another thing
	} {
		var sent string
		f.on("/network/v2.0/ports/p", takes(&sent, 200, `{"port": {"id": "p", "security_groups": ["g"]}}`))
		port, err := c.SetPortSecurityGroups(t.Context(), "p", groups)
		if err != nil || port.ID != "p" {
			t.Errorf("%+v, %v", port, err)
		}
		sameJSON(t, sent, want)
	}
}

func TestLentSecurityGroups(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	f.on("/network/v2.0/networks", says(200, `{"networks": []}`)) // where neutron is: it is known then
	if _, err := c.Networks(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if lent, err := c.LentSecurityGroups(t.Context(), []string{"g"}); err != nil || lent != nil {
		t.Errorf("without the extension: %v, %v", lent, err)
	}
	f.on("/network/v2.0/rbac-policies", says(200, `{"rbac_policies": [
		{"id": "1", "object_type": "security_group", "object_id": "g", "target_tenant": "x"},
		{"id": "2", "object_type": "security_group", "object_id": "other", "target_tenant": "x"},
		{"id": "3", "object_type": "network", "object_id": "h", "target_tenant": "*"}]}`))
	if lent, err := c.LentSecurityGroups(t.Context(), []string{"g", "h"}); err != nil || !reflect.DeepEqual(lent, []string{"g"}) {
		t.Errorf("%v, %v", lent, err)
	}
	f.on("/network/v2.0/rbac-policies", says(403, `{}`))
	if _, err := c.LentSecurityGroups(t.Context(), []string{"g"}); !IsForbidden(err) {
		t.Error(err)
	}
}
