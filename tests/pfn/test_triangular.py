"""Products by blocks agree with torch's, at sizes around those of the blocks."""

import pytest
import torch

from activeclust.pfn.triangular import inverse_lower, lower_square


@pytest.mark.parametrize("m", [1, 2, 95, 96, 97, 250])
def test_as_torch_does_it(m):
    random = torch.Generator().manual_seed(m)
    B = torch.randn(m + 40, m, dtype=torch.float64, generator=random)
    square = B.T @ B + torch.eye(m, dtype=torch.float64)
    torch.testing.assert_close(lower_square(B).tril(), (B.T @ B).tril())
    root = torch.linalg.cholesky(square)
    inverse = inverse_lower(root)
    torch.testing.assert_close(inverse @ root, torch.eye(m, dtype=torch.float64))
    assert torch.equal(inverse, inverse.tril())
    torch.testing.assert_close(inverse.square().sum(0), torch.linalg.inv(square).diagonal())
