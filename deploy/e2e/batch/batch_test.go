package batch_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/batch"
)

const file = "../../../../shared/data/online_retail/online_retail.csv.gz"

// The figures are those published with the data set's description of this project, recomputed here.
func TestReferenceTables(t *testing.T) {
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the data set is not here: %v", err)
	}
	got, err := batch.Read(file, 0)
	require.NoError(t, err)
	require.Equal(t, batch.Row{541909, 25900, 4372, 4070, int64(5176450), "9747747.934"}, got.Views["all"])
	require.Equal(t, batch.Row{532618, 22061, 4339, 4058, int64(5454021), "10655622.484"}, got.Views["numeric"])
	require.Equal(t, batch.Row{9288, 3836, 1589, 1947, int64(-277574), "-896812.490"}, got.Views["cancelled"])
	require.Equal(t, batch.Row{397884, 18532, 4338, 3665, int64(5167812), "8911407.904"}, got.Views["clean"])
	require.Equal(t, batch.Row{392692, 18532, 4338, 3665, int64(5152002), "8887208.894"}, got.Views["clean distinct"])
	require.Equal(t, batch.Row{396337, 18402, 4334, 3659, int64(5157354), "8761066.650"}, got.Views["clean products"])
	require.Equal(t, batch.Row{4070, "dc0ed5eddf7e19dea9ba5c87d103a0a54b82232ac8622c3c2af769b220f69de2"}, got.Products)
	require.Equal(t, batch.Row{35284, 1737, "682680.510", "748076.320", "-54333.750", "645343.900", 1280, 935}, got.Months["2011-08"])

	prefix, err := batch.Read(file, 10_000)
	require.NoError(t, err)
	require.Equal(t, batch.Row{10000, 512, 323, 2015, prefix.Views["all"][4], "180667.750"}, prefix.Views["all"])
}
