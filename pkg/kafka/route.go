package kafka

import (
	"context"
	"fmt"
)

// route is the address a request goes to.
func (c *Client) route(ctx context.Context, req *request) (string, error) {
	req.broker = -1
	switch req.to.kind {
	case routeAddr:
		return req.to.key, nil
	case routeAny:
		return c.anyBroker(ctx)
	case routeController:
		cl, err := c.cluster(ctx)
		if err != nil {
			return "", err
		}
		if addr, ok := cl.Brokers[cl.Controller]; ok {
			req.broker = cl.Controller
			return addr, nil
		}
		c.meta.expire()
		return "", &Error{API: req.api.name, Code: codeNotController, Msg: "the cluster has no controller yet"}
	case routeGroup, routeTxn:
		id, err := c.coordinator(ctx, req.to)
		if err != nil {
			return "", err
		}
		req.broker = id
		addr, err := c.brokerAddr(ctx, id)
		if Code(err) == codeBrokerUnavailable {
			c.coords.forget(req.to) // it died, and somebody else coordinates by now
		}
		return addr, err
	case routeBroker:
		req.broker = req.to.broker
	}
	return c.brokerAddr(ctx, req.broker)
}

func (c *Client) brokerAddr(ctx context.Context, id int32) (string, error) {
	cl, err := c.cluster(ctx)
	if err != nil {
		return "", err
	}
	if addr, ok := cl.Brokers[id]; ok {
		return addr, nil
	}
	c.meta.expire()
	if cl, err = c.cluster(ctx); err != nil {
		return "", err
	}
	if addr, ok := cl.Brokers[id]; ok {
		return addr, nil
	}
	return "", &Error{API: apiMetadata.name, Code: codeBrokerUnavailable, Msg: fmt.Sprintf("broker %d is not part of the cluster now", id)}
}

// anyBroker is the broker that answered last, or another known one.
func (c *Client) anyBroker(ctx context.Context) (string, error) {
	if _, err := c.cluster(ctx); err != nil {
		return "", err
	}
	m := &c.meta
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.good, nil
}
