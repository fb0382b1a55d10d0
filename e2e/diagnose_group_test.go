//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"slices"
)

// Security groups.
func groupScenarios() []scenario {
	rules := func(rules ...object) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error {
			s.keepGroups()
			return errors.Join(s.guest.admitOnly(ctx, rules...), s.guest.silent(ctx))
		}
	}
	return []scenario{
		{id: "G1", what: "no group on the port", quick: true, among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			s.keepGroups()
			return errors.Join(s.changePort(ctx, object{"security_groups": []string{}}), s.guest.silent(ctx))
		}},
		{id: "G2", what: "no ingress rule", quick: true, among: certain, fix: byRunning, harm: rules()},
		{id: "G2", what: "ping only", among: certain, fix: byRunning, harm: rules(object{"protocol": "icmp", "port_range_min": nil, "port_range_max": nil})},
		{id: "G3", what: "another prefix", quick: true, among: certain, fix: byRunning, harm: rules(object{"remote_ip_prefix": "192.0.2.0/24"})},
		{id: "G4", what: "IPv6 only", among: certain, fix: byRunning, harm: rules(object{"ethertype": "IPv6"})},
		{id: "G5", what: "another port", quick: true, among: certain, fix: byRunning, harm: rules(object{"port_range_min": 80, "port_range_max": 443})},
		{id: "G5", what: "another protocol", among: certain, fix: byRunning, harm: rules(object{"protocol": "udp"})},
		{id: "G6", what: "members only", among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			return rules(object{"remote_group_id": s.guest.group})(ctx, s)
		}},
		{id: "G7", what: "the group is on the other port", among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			s.keepGroups()
			if _, err := s.attach(ctx, s.guest.network, s.guest.group); err != nil {
				return err
			}
			closed, err := s.makeGroupOf(ctx, s.demo)
			if err != nil {
				return err
			}
			return errors.Join(s.changePort(ctx, object{"security_groups": []string{closed}}), s.guest.silent(ctx))
		}},
		{id: "G9", what: "a rule that is not in force yet", among: possible, harm: func(ctx context.Context, s *scene) error {
			s.keepGroups()
			return errors.Join(s.deaf(ctx), s.guest.admitOnly(ctx, object{}))
		}},
		{id: "G10", what: "a group of another project", among: possible, harm: func(ctx context.Context, s *scene) error {
			s.keepGroups()
			foreign, err := s.makeGroupOf(ctx, s.admin)
			if err != nil {
				return err
			}
			err = change(ctx, s.admin.network, "ports/"+s.guest.port, "port", object{"security_groups": []string{foreign}})
			return errors.Join(err, s.guest.silent(ctx))
		}},
	}
}

// makeGroupOf makes a group without ingress rules, of whoever is asked.
func (s *scene) makeGroupOf(ctx context.Context, of *api) (string, error) {
	made, err := create(ctx, of.network, "security-groups", "security_group", object{"name": s.guest.name + "-closed"})
	if err != nil {
		return "", err
	}
	s.undos = slices.Insert(s.undos, 0, func(ctx context.Context) error { return remove(ctx, of.network, "security-groups/"+id(made)) })
	return id(made), nil
}

// keepGroups puts back the guest's group and its rules in the end, and takes away
// what `osssh allow` has added.
func (s *scene) keepGroups() {
	s.undo(func(ctx context.Context) error {
		_, err := s.osssh(ctx, "revoke", s.guest.name, "-y")
		_ = err // there is nothing to revoke where no fix was run
		return errors.Join(
			s.changePort(ctx, object{"security_groups": []string{s.guest.group}}),
			s.guest.admitOnly(ctx, object{}))
	})
}
