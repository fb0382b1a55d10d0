package openstack

import (
	"context"
	"net/url"
)

// Volume gives one volume by its id.
func (c *Client) Volume(ctx context.Context, id string) (*Volume, error) {
	var body struct {
		Volume *Volume `json:"volume"`
	}
	err := c.do(ctx, request{service: volumes, path: "volumes/" + url.PathEscape(id)}, &body)
	return one(body.Volume, err)
}
