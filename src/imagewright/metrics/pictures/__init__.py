"""Metrics computed from pictures: sliced Wasserstein distance, SSIM, LPIPS, reconstruction error."""
