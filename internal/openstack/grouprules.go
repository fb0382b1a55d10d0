package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// NewSecurityGroup is what a security group is made from. Neutron gives it
// egress rules of its own.
type NewSecurityGroup struct {
	Name        string `json:"name"`
	Description string `json:"description"`        // at most 255 characters
	Stateful    *bool  `json:"stateful,omitempty"` // nil: stateful, also where neutron lacks the extension
}

// NewSecurityGroupRule is what a rule is made from.
type NewSecurityGroupRule struct {
	SecurityGroupID string `json:"security_group_id"`
	Direction       string `json:"direction"` // "ingress" or "egress"
	EtherType       string `json:"ethertype"` // "IPv4" or "IPv6"
	Protocol        string `json:"protocol"`
	PortRangeMin    int    `json:"port_range_min"`
	PortRangeMax    int    `json:"port_range_max"`
	RemoteIPPrefix  string `json:"remote_ip_prefix"`
	Description     string `json:"description"` // at most 255 characters
}

// RuleExistsError says that a security group has the very rule already.
type RuleExistsError struct{ GroupID string }

func (e *RuleExistsError) Error() string {
	return fmt.Sprintf("security group %s has that rule already", e.GroupID)
}

// QuotaError says that a project may have no more of something.
type QuotaError struct {
	What string // as neutron names it, "security_group" or "security_group_rule": a new group counts rules too
	Err  error  // the API's own
}

func (e *QuotaError) Error() string { return fmt.Sprintf("the quota of %s is used up", e.What) }
func (e *QuotaError) Unwrap() error { return e.Err }

// CreateSecurityGroup makes a security group. Errors: *QuotaError, and the API's.
func (c *Client) CreateSecurityGroup(ctx context.Context, wanted NewSecurityGroup) (*SecurityGroup, error) {
	var group SecurityGroup
	r := request{method: http.MethodPost, path: "security-groups", body: map[string]any{"security_group": wanted}}
	if err := c.neutron(ctx, r, &answer{key: "security_group", into: &group}); err != nil {
		return nil, refusedCreation("security_group", err)
	}
	return &group, nil
}

// DeleteSecurityGroup takes a security group away that no port bears any more.
func (c *Client) DeleteSecurityGroup(ctx context.Context, id string) error {
	return c.neutron(ctx, request{method: http.MethodDelete, path: "security-groups/" + url.PathEscape(id)}, nil)
}

// CreateSecurityGroupRule adds a rule. Errors: *RuleExistsError, *QuotaError,
// and the API's.
func (c *Client) CreateSecurityGroupRule(ctx context.Context, wanted NewSecurityGroupRule) (*SecurityGroupRule, error) {
	var rule SecurityGroupRule
	r := request{method: http.MethodPost, path: "security-group-rules", body: map[string]any{"security_group_rule": wanted}}
	err := c.neutron(ctx, r, &answer{key: "security_group_rule", into: &rule})
	if err == nil {
		return &rule, nil
	}
	var api *APIError
	if errors.As(err, &api) && api.Status == http.StatusConflict && strings.Contains(api.Message, "already exists") {
		return nil, &RuleExistsError{GroupID: wanted.SecurityGroupID}
	}
	return nil, refusedCreation("security_group_rule", err)
}

// refusedCreation tells a used-up quota from other refusals: both are 409
// (neutron_lib.exceptions.OverQuota).
func refusedCreation(what string, err error) error {
	var api *APIError
	if !errors.As(err, &api) || api.Status != http.StatusConflict || !strings.Contains(api.Message, "Quota exceeded") {
		return err
	}
	for _, resource := range []string{"security_group", "security_group_rule"} {
		if strings.Contains(api.Message, "'"+resource+"'") {
			what = resource
		}
	}
	return &QuotaError{What: what, Err: err}
}

// DeleteSecurityGroupRule takes a rule away.
func (c *Client) DeleteSecurityGroupRule(ctx context.Context, id string) error {
	return c.neutron(ctx, request{method: http.MethodDelete, path: "security-group-rules/" + url.PathEscape(id)}, nil)
}

// SetPortSecurityGroups gives a port the whole list of its security groups.
func (c *Client) SetPortSecurityGroups(ctx context.Context, portID string, groups []string) (*Port, error) {
	if groups == nil {
		groups = []string{} // null is another thing to neutron
	}
	var port Port
	r := request{
		method: http.MethodPut, path: "ports/" + url.PathEscape(portID),
		body: map[string]any{"port": map[string]any{"security_groups": groups}},
	}
	if err := c.neutron(ctx, r, &answer{key: "port", into: &port}); err != nil {
		return nil, err
	}
	return &port, nil
}

// LentSecurityGroups gives those of the groups that other projects may put on
// their ports. Only their owner is told (neutron/conf/policies/rbac.py). A
// neutron without the extension rbac-security-groups lends none.
func (c *Client) LentSecurityGroups(ctx context.Context, ids []string) ([]string, error) {
	type policy struct {
		ID       string `json:"id"`
		Type     string `json:"object_type"`
		ObjectID string `json:"object_id"`
	}
	policies, err := neutronList(ctx, c, "rbac-policies", url.Values{"object_type": {"security_group"}, "object_id": ids},
		func(p policy) string { return p.ID })
	if err != nil && !IsNotFound(err) {
		return nil, err
	}
	var lent []string
	for _, p := range policies { // an unknown filter is silently ignored by neutron
		if p.Type == "security_group" && slices.Contains(ids, p.ObjectID) {
			lent = append(lent, p.ObjectID)
		}
	}
	return lent, nil
}
