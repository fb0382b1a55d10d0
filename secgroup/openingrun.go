package secgroup

import (
	"context"
	"errors"
	"net/url"

	"osssh/internal/openstack"
)

// Opened is what was done.
type Opened struct {
	GroupID, GroupName string   // the group that holds the rules
	RuleIDs            []string // that were added; one that another added meanwhile is not ours
}

// Do makes the steps for a port. Where one fails, or ctx ends between two, those
// before it are undone: the error is a *StepError, whose Left is what stays.
func (o Opening) Do(ctx context.Context, c *openstack.Client, portID string) (Opened, error) {
	w := &changes{ctx: ctx, client: c}
	opened, err := o.do(w, portID)
	if err != nil {
		err.Left = w.takeBack()
		return Opened{}, err
	}
	return opened, nil
}

func (o Opening) do(w *changes, portID string) (Opened, *StepError) {
	var done Opened
	if o.Group != nil {
		done.GroupID, done.GroupName = o.Group.ID, o.Group.Name
	} else {
		group, err := o.makeGroup(w)
		if err != nil {
			return done, err
		}
		done.GroupID, done.GroupName = group.ID, group.Name
	}
	for _, rule := range o.Rules {
		rule.SecurityGroupID = done.GroupID
		id, err := addRule(w, rule)
		if err != nil {
			return done, err
		}
		if id != "" {
			done.RuleIDs = append(done.RuleIDs, id)
		}
	}
	if o.Group != nil {
		return done, nil
	}
	w.onFailure(UnbindGroup, portID, unbind(done.GroupID, portID))
	return done, w.step(BindGroup, portID, bind(done.GroupID, portID))
}

// makeGroup makes the new group and empties it before any port bears it.
func (o Opening) makeGroup(w *changes) (*openstack.SecurityGroup, *StepError) {
	var group *openstack.SecurityGroup
	failed := w.step(MakeGroup, o.NewGroup.Name, func(ctx context.Context, c *openstack.Client) (err error) {
		group, err = c.CreateSecurityGroup(ctx, *o.NewGroup)
		return err
	})
	if failed != nil {
		if outcomeUnknown(failed.Err) {
			w.onFailure(DeleteGroup, o.NewGroup.Name, o.sweepGroup)
		}
		return nil, failed
	}
	w.onFailure(DeleteGroup, group.ID, deleteGroup(group.ID))
	for _, r := range group.Rules {
		if failed := w.step(EmptyGroup, group.ID, deleteRule(r.ID)); failed != nil {
			return nil, failed
		}
	}
	return group, nil
}

// sweepGroup deletes the new group whose id nobody was told. One that a port
// bears is not it.
func (o Opening) sweepGroup(ctx context.Context, c *openstack.Client) error {
	found, err := c.SecurityGroups(ctx, url.Values{"name": {o.NewGroup.Name}})
	if err != nil {
		return err
	}
	for _, g := range found {
		if g.Name != o.NewGroup.Name || g.Description != o.NewGroup.Description || g.ProjectID != c.ProjectID() {
			continue
		}
		bearers, err := bearersOf(ctx, c, []string{g.ID})
		if err != nil {
			return err
		}
		if bears(bearers, g.ID) {
			continue
		}
		if err := deleteGroup(g.ID)(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// addRule gives the rule's id, "" where another has added it meanwhile.
func addRule(w *changes, wanted openstack.NewSecurityGroupRule) (string, *StepError) {
	var rule *openstack.SecurityGroupRule
	failed := w.step(AddRule, wanted.SecurityGroupID, func(ctx context.Context, c *openstack.Client) (err error) {
		rule, err = c.CreateSecurityGroupRule(ctx, wanted)
		return err
	})
	var exists *openstack.RuleExistsError
	switch {
	case failed == nil:
		w.onFailure(DeleteRule, rule.ID, deleteRule(rule.ID))
		return rule.ID, nil
	case errors.As(failed.Err, &exists):
		return "", nil
	case outcomeUnknown(failed.Err):
		w.onFailure(DeleteRule, wanted.SecurityGroupID, func(ctx context.Context, c *openstack.Client) error {
			return sweepRule(ctx, c, wanted)
		})
	}
	return "", failed
}

// sweepRule deletes the rule whose id nobody was told. There is one at most:
// neutron takes no second one like it.
func sweepRule(ctx context.Context, c *openstack.Client, wanted openstack.NewSecurityGroupRule) error {
	groups, err := c.SecurityGroups(ctx, url.Values{"id": {wanted.SecurityGroupID}})
	if err != nil {
		return err
	}
	for _, g := range groups {
		for _, r := range g.Rules {
			a := Rule{g.ID, g.Name, r}.Admits()
			if g.ID == wanted.SecurityGroupID && r.Description == wanted.Description && r.Direction == wanted.Direction &&
				a.Protocol == wanted.Protocol && a.First == wanted.PortRangeMin && a.Last == wanted.PortRangeMax &&
				a.Prefix.String() == wanted.RemoteIPPrefix {
				return deleteRule(r.ID)(ctx, c)
			}
		}
	}
	return nil
}

func bears(ports []openstack.Port, group string) bool {
	for _, p := range ports {
		for _, id := range p.SecurityGroups {
			if id == group {
				return true
			}
		}
	}
	return false
}
