package handler

import (
	"context"
	"encoding/json"

	"licenseguard/shared/cfnhook"
)

// CfnHook is the handler of the function cfnhook.
type CfnHook struct{ Hook *cfnhook.Hook }

// Handle answers a hook of CloudFormation. It never fails: a request that it does
// not understand goes on, because a mistake here must not stop every deployment.
func (h *CfnHook) Handle(ctx context.Context, body json.RawMessage) (out cfnhook.Response, _ error) {
	var r cfnhook.Request
	if err := json.Unmarshal(body, &r); err != nil {
		h.Hook.Log.ErrorContext(ctx, "request not understood", "error", err)
		return cfnhook.Response{HookStatus: cfnhook.Success, ClientRequestToken: r.ClientRequestToken,
			Message: "licenseguard: not judged, so it goes on: the request is of a shape that is not known"}, nil
	}
	defer func() {
		if reason := recover(); reason != nil {
			h.Hook.Log.ErrorContext(ctx, "hook failed", "reason", reason)
			out = cfnhook.Response{HookStatus: cfnhook.Success, ClientRequestToken: r.ClientRequestToken,
				Message: "licenseguard: not judged, so it goes on: it failed"}
		}
	}()
	return h.Hook.Answer(ctx, r), nil
}
