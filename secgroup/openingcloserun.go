package secgroup

import (
	"context"
	"net/url"

	"osssh/internal/openstack"
)

// GatherClosing asks for what PlanClosing needs: the project's groups, and the
// ports that bear those that were made to open a server.
func GatherClosing(ctx context.Context, c *openstack.Client) (ClosingQuery, error) {
	q := ClosingQuery{ProjectID: c.ProjectID()}
	var err error
	if q.Groups, err = c.SecurityGroups(ctx, url.Values{"project_id": {q.ProjectID}}); err != nil {
		return q, err
	}
	var marked []string
	for _, g := range q.Groups {
		if _, ok := ParseMark(g.Description); ok {
			marked = append(marked, g.ID)
		}
	}
	q.Ports, err = bearersOf(ctx, c, marked)
	return q, err
}

// Do makes the steps. One that fails does not hold the others; ctx's end does,
// between two. What is gone already is as it should be.
func (c Closing) Do(ctx context.Context, client *openstack.Client) []*StepError {
	w := &changes{ctx: ctx, client: client}
	var failed []*StepError
	do := func(s Step, id string, call func(context.Context, *openstack.Client) error) {
		if err := w.step(s, id, call); err != nil {
			failed = append(failed, err)
		}
	}
	for _, r := range c.Rules {
		do(DeleteRule, r.ID, deleteRule(r.ID))
	}
	for _, e := range c.Groups {
		for _, p := range e.Ports {
			do(UnbindGroup, p.ID, unbind(e.Group.ID, p.ID))
		}
		do(DeleteGroup, e.Group.ID, deleteGroup(e.Group.ID))
	}
	return failed
}
