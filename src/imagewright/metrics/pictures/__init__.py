"""Metrics of pictures themselves: SSIM, LPIPS, sliced Wasserstein, reconstruction error."""
