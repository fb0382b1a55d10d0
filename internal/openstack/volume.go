package openstack

import (
	"context"
	"net/url"
)

// Volume gives one volume by its id.
func (c *Client) Volume(ctx context.Context, id string) (*Volume, error) {
	var volume Volume
	if err := c.do(ctx, request{service: volumes, path: "volumes/" + url.PathEscape(id)}, &answer{key: "volume", into: &volume}); err != nil {
		return nil, err
	}
	return &volume, nil
}
