package orderprocessing

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// A partner's reference makes the order's id, whoever sends it and how often; what else is wrong names its field.
func TestPartnerOrders(t *testing.T) {
	const order = `{"partnerId":"acme","reference":"2026/4711","items":[{"productId":"22423","quantity":1,"unitPrice":"12.75"}]}`
	mesh := &fakeMesh{}
	h := mesh.api()
	first := call(t, h, "POST", "/partner-orders", order)
	again := call(t, h, "POST", "/partner-orders", order)
	require.Equal(t, http.StatusAccepted, first.Code)
	require.Equal(t, first.Body.String(), again.Body.String(), "the same order sent twice is the same command")
	require.Equal(t, "/orders/P-acme-2026%2F4711", first.Header().Get("Location"))
	cmd := mesh.created[0]
	require.Equal(t, orderproc.ChannelPartner, cmd.Channel)
	require.Equal(t, schemas.Some(orderproc.Partner{PartnerID: "acme", Reference: "2026/4711"}), cmd.Partner)

	other := call(t, h, "POST", "/partner-orders", strings.Replace(order, `"quantity":1`, `"quantity":2`, 1))
	require.Equal(t, first.Header().Get("Location"), other.Header().Get("Location"))
	require.NotEqual(t, first.Body.String(), other.Body.String(), "another order is another command, to be refused")

	for field, body := range map[string]string{
		"partner.partnerId": strings.Replace(order, `"acme"`, `"ac-me"`, 1),
		"partner.reference": strings.Replace(order, `"2026/4711"`, `" "`, 1),
		"items":             `{"partnerId":"acme","reference":"1","items":[]}`,
	} {
		w := call(t, h, "POST", "/partner-orders", body)
		require.Equal(t, http.StatusUnprocessableEntity, w.Code, body)
		require.Contains(t, w.Body.String(), `"field":"`+field+`"`)
	}
	w := call(t, h, "POST", "/orders", `{"channel":"PARTNER","items":[{"productId":"22423","quantity":1,"unitPrice":"12.75"}]}`)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code, "partners have a door of their own")
}
