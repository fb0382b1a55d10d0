package secgroup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"osssh/internal/openstack"
)

// Step is one change that opening or closing makes.
type Step int8

// The steps of an opening, then those that take one back.
const (
	MakeGroup  Step = iota
	EmptyGroup      // of the rules that neutron gives every new group
	AddRule
	BindGroup // put it on the port
	DeleteRule
	UnbindGroup // take it off a port
	DeleteGroup
)

// String names the step.
func (s Step) String() string {
	switch s {
	case MakeGroup:
		return "make security group"
	case EmptyGroup:
		return "empty security group"
	case AddRule:
		return "add rule to security group"
	case BindGroup:
		return "put security group on port"
	case DeleteRule:
		return "delete rule"
	case UnbindGroup:
		return "take security group off port"
	}
	return "delete security group"
}

// StepError says which step failed.
type StepError struct {
	Step Step
	ID   string // the group's name for MakeGroup, the port's for (Un)BindGroup, the rule's for DeleteRule, else the group's
	Err  error
	Left []*StepError // steps before it that could not be undone, and the undoing that failed
}

func (e *StepError) Error() string {
	s := fmt.Sprintf("%s %q: %v", e.Step, e.ID, e.Err)
	if len(e.Left) > 0 {
		s += fmt.Sprintf(" (%d steps could not be undone)", len(e.Left))
	}
	return s
}
func (e *StepError) Unwrap() error { return e.Err }

// changes makes one step after the other. A step that has begun is not
// cancelled: nobody would know then whether it was done.
type changes struct {
	ctx    context.Context
	client *openstack.Client
	undo   []func() *StepError // in the order of the steps
}

func (w *changes) step(s Step, id string, do func(context.Context, *openstack.Client) error) *StepError {
	err := w.ctx.Err()
	if err == nil {
		err = do(context.WithoutCancel(w.ctx), w.client)
	}
	if err != nil {
		return &StepError{Step: s, ID: id, Err: err}
	}
	return nil
}

// onFailure keeps what undoes a step.
func (w *changes) onFailure(s Step, id string, do func(context.Context, *openstack.Client) error) {
	w.undo = append(w.undo, func() *StepError {
		undoing := changes{ctx: context.WithoutCancel(w.ctx), client: w.client}
		return undoing.step(s, id, do)
	})
}

// takeBack undoes all steps, the last one first.
func (w *changes) takeBack() (left []*StepError) {
	for _, undo := range slices.Backward(w.undo) {
		if err := undo(); err != nil {
			left = append(left, err)
		}
	}
	return left
}

// outcomeUnknown says whether a call may have been done though it failed.
func outcomeUnknown(err error) bool {
	var api *openstack.APIError
	if errors.As(err, &api) {
		return api.Status >= http.StatusInternalServerError
	}
	var exists *openstack.RuleExistsError
	return !errors.As(err, &exists)
}

func deleteRule(id string) func(context.Context, *openstack.Client) error {
	return func(ctx context.Context, c *openstack.Client) error {
		return unlessGone(c.DeleteSecurityGroupRule(ctx, id))
	}
}

func deleteGroup(id string) func(context.Context, *openstack.Client) error {
	return func(ctx context.Context, c *openstack.Client) error {
		return unlessGone(c.DeleteSecurityGroup(ctx, id))
	}
}

func unlessGone(err error) error {
	if openstack.IsNotFound(err) {
		return nil
	}
	return err
}

// bind puts a group on a port. The port is read just before: neutron takes only
// whole lists, and another may have changed it.
func bind(group, port string) func(context.Context, *openstack.Client) error {
	return changeGroups(port, func(groups []string) []string {
		if slices.Contains(groups, group) {
			return groups
		}
		return append(slices.Clone(groups), group)
	})
}

func unbind(group, port string) func(context.Context, *openstack.Client) error {
	return changeGroups(port, func(groups []string) []string {
		return slices.DeleteFunc(slices.Clone(groups), func(id string) bool { return id == group })
	})
}

// changeGroups gives a port another list of groups. A port that is gone has an
// empty one.
func changeGroups(id string, change func([]string) []string) func(context.Context, *openstack.Client) error {
	return func(ctx context.Context, c *openstack.Client) error {
		ports, err := c.Ports(ctx, url.Values{"id": {id}})
		if err != nil {
			return err
		}
		var groups []string
		for _, p := range ports {
			if p.ID == id {
				groups = p.SecurityGroups
			}
		}
		changed := change(groups)
		if slices.Equal(changed, groups) {
			return nil
		}
		_, err = c.SetPortSecurityGroups(ctx, id, changed)
		return err
	}
}
