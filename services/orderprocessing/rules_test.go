package orderprocessing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRulesFromTheEnvironment(t *testing.T) {
	env := map[string]string{}
	get := func(name string) string { return env[name] }
	r, err := RulesFrom(get)
	require.NoError(t, err)
	require.Equal(t, DefaultRules(), r)

	env[EnvCurrencies], env[EnvScheduleAfter], env[EnvCompleteAfter] = "GBP, EUR", "90m", "0"
	env[EnvMatchWindow] = "48h"
	r, err = RulesFrom(get)
	require.NoError(t, err)
	require.Equal(t, Rules{[]string{"GBP", "EUR"}, 90 * time.Minute, 0, 48 * time.Hour}, r)

	env[EnvCurrencies], env[EnvScheduleAfter], env[EnvCompleteAfter] = "pounds", "soon", "-1h"
	env[EnvMatchWindow] = "0"
	_, err = RulesFrom(get)
	require.ErrorContains(t, err, `MESHWORK_ORDERS_SCHEDULE_AFTER: "soon" is not a duration`)
	require.ErrorContains(t, err, `"pounds" is not a currency code`)
}
