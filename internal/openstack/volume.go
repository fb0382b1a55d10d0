package openstack

import (
	"context"
	"net/url"
	"strconv"
)

// volumesPage is how many volumes one answer shall hold: cinder's own bound
// (osapi_max_limit) by default.
const volumesPage = 1000

// Volume gives one volume by its id.
func (c *Client) Volume(ctx context.Context, id string) (*Volume, error) {
	var volume Volume
	if err := c.do(ctx, request{service: volumes, path: "volumes/" + url.PathEscape(id)}, &answer{key: "volume", into: &volume}); err != nil {
		return nil, err
	}
	return &volume, nil
}

// Volumes gives the bootable volumes of the project, all pages.
func (c *Client) Volumes(ctx context.Context) ([]Volume, error) {
	filter := url.Values{"bootable": {"true"}, "limit": {strconv.Itoa(volumesPage)}}
	return collect(pages(ctx, filter, func(ctx context.Context, query url.Values) (page[Volume], error) {
		var found []Volume
		out := &answer{key: "volumes", into: &found}
		err := c.do(ctx, request{service: volumes, path: "volumes/detail", query: query}, out)
		return page[Volume]{found, out.more}, err
	}, func(v Volume) string { return v.ID }))
}
